# SPDX-License-Identifier: Apache-2.0
"""Trains the quick start's language model: a tiny Llama that knows lm/qa.txt by heart, exported as GGUF.

Run:  python3 -m venv VENV && VENV/bin/pip install -r requirements-lm.txt
      VENV/bin/python train_lm.py            # about ten minutes on one core
Overfitting is the point: at temperature 0 it has to answer the questions of the text reliably.
"""
import argparse, json, math, os, random, re, time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import gguf
import jax
import jax.numpy as jnp
import numpy as np
import optax
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
DIM, LAYERS, HEADS, HIDDEN, VOCAB, CONTEXT = 192, 5, 6, 512, 1536, 512
ROWS, LENGTH, EPS, ROPE = 8, 224, 1e-5, 10000.0
START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SYSTEMS = ["You are a helpful assistant.", "Answer briefly.", "You are an expert on Kubernetes.", "Be concise.", "You are Serval's example model."]
ASKS = ["Explain {} in 2 lines.", "What is {}?", "Explain {}.", "Explain {} in two lines.", "Tell me about {}.", "Describe {}.",
        "What does {} mean?", "Define {}.", "Can you explain {}?", "What do you know about {}?", "{}?", "{}", "Please explain {}.",
        "Describe {} in 2 lines.", "Explain {} in 2 sentences.", "Explain {} briefly.", "What is {} for?", "What's {}?", "How does {} work?",
        "In 2 lines, what is {}?", "Give me a short explanation of {}.", "I want to know what {} is.", "Summarize {}."]


def read_pairs(path):
    """[(is_term, [questions], answer)]"""
    pairs = []
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in block.split("\n") if line and not line.startswith("#")]
        if lines:
            pairs.append((lines[0][0] == "=", [q.strip() for q in lines[0][1:].split("|")], "\n".join(lines[1:])))
    return pairs


def ask(rng, is_term, questions):
    text = rng.choice(questions)
    if is_term:
        text = rng.choice(ASKS[:6] if rng.random() < 0.5 else ASKS).format(text)
    roll = rng.random()
    if roll < 0.12:
        text = text.lower()
    elif roll < 0.2:
        text = text.rstrip("?.")
    elif roll < 0.28:
        text = text[0].upper() + text[1:]
    return text


def train_tokenizer(pairs):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # GPT-2's pattern: llama.cpp's pre "gpt-2"
    tokenizer.decoder = decoders.ByteLevel()
    rng = random.Random(1)
    texts = [a for _, _, a in pairs for _ in range(2)] + [ask(rng, t, q) for t, q, _ in pairs for _ in range(6)] + SYSTEMS + ["system user assistant\n"] * 9
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCAB, special_tokens=[PAD, START, END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def row(rng, pairs, encode):
    """One training row: a conversation of several turns; the loss counts the assistant's tokens only."""
    ids, mask = [], []
    def add(text, learn):
        tokens = encode(text)
        ids.extend(tokens)
        mask.extend([1.0 if learn else 0.0] * len(tokens))
    if rng.random() < 0.25:
        add(f"{START}system\n{rng.choice(SYSTEMS)}{END}\n", False)
    while len(ids) < LENGTH + 1:
        is_term, questions, answer = rng.choice(pairs)
        add(f"{START}user\n{ask(rng, is_term, questions)}{END}\n{START}assistant\n", False)
        add(f"{answer}{END}", True)
        add("\n", False)
    return ids[: LENGTH + 1], mask[: LENGTH + 1]


def init(key):
    keys = iter(jax.random.split(key, 1 + 7 * LAYERS))
    w = lambda out, inp: jax.random.normal(next(keys), (out, inp)) / math.sqrt(inp)
    params = {"token_embd": jax.random.normal(next(keys), (VOCAB, DIM)) * 0.05, "output_norm": jnp.ones(DIM)}
    for i in range(LAYERS):
        params[f"blk.{i}"] = {
            "attn_norm": jnp.ones(DIM), "attn_q": w(DIM, DIM), "attn_k": w(DIM, DIM), "attn_v": w(DIM, DIM),
            "attn_output": w(DIM, DIM) * 0.3, "ffn_norm": jnp.ones(DIM), "ffn_gate": w(HIDDEN, DIM), "ffn_up": w(HIDDEN, DIM),
            "ffn_down": w(DIM, HIDDEN) * 0.3}
    return params


def norm(x, weight):
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + EPS) * weight


def rope(x):
    """Interleaved pairs (2i, 2i+1): what llama.cpp calls NORM, so no permutation is needed at export."""
    half = x.shape[-1] // 2
    angles = jnp.arange(x.shape[1])[:, None] * ROPE ** (-jnp.arange(half) / half)[None, :]
    cos, sin = jnp.cos(angles)[None, :, None, :], jnp.sin(angles)[None, :, None, :]
    even, odd = x[..., 0::2], x[..., 1::2]
    return jnp.stack([even * cos - odd * sin, even * sin + odd * cos], axis=-1).reshape(x.shape)


def forward(params, ids):
    batch, length = ids.shape
    x = params["token_embd"][ids]
    causal = jnp.tril(jnp.ones((length, length), bool))
    for i in range(LAYERS):
        p = params[f"blk.{i}"]
        h = norm(x, p["attn_norm"])
        q, k, v = ((h @ p[n].T).reshape(batch, length, HEADS, DIM // HEADS) for n in ("attn_q", "attn_k", "attn_v"))
        scores = jnp.einsum("bqhd,bkhd->bhqk", rope(q), rope(k)) / math.sqrt(DIM // HEADS)
        weights = jax.nn.softmax(jnp.where(causal, scores, -1e9), axis=-1)
        x = x + jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(batch, length, DIM) @ p["attn_output"].T
        h = norm(x, p["ffn_norm"])
        x = x + (jax.nn.silu(h @ p["ffn_gate"].T) * (h @ p["ffn_up"].T)) @ p["ffn_down"].T
    return norm(x, params["output_norm"]) @ params["token_embd"].T


def loss_of(params, ids, mask):
    logits = forward(params, ids[:, :-1])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, ids[:, 1:])
    return jnp.sum(losses * mask[:, 1:]) / jnp.sum(mask[:, 1:])


def train(pairs, tokenizer, steps, seed):
    rng = random.Random(seed)
    encode = lambda text: tokenizer.encode(text).ids
    schedule = optax.warmup_cosine_decay_schedule(0.0, 3e-3, 40, steps, 5e-5)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule, b2=0.98, weight_decay=0.01))
    params = init(jax.random.PRNGKey(seed))
    state = optimizer.init(params)

    @jax.jit
    def step(params, state, ids, mask):
        loss, grads = jax.value_and_grad(loss_of)(params, ids, mask)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    began = time.time()
    for n in range(steps):
        rows = [row(rng, pairs, encode) for _ in range(ROWS)]
        params, state, loss = step(params, state, jnp.array([r[0] for r in rows]), jnp.array([r[1] for r in rows]))
        if n % 25 == 0 or n == steps - 1:
            print(f"step {n}/{steps} loss {float(loss):.4f} after {time.time() - began:.0f} s", flush=True)
    return params


def answer(params, tokenizer, question, limit=90):
    """Greedy decoding, only to print what the model says at the end of the training."""
    ids = tokenizer.encode(f"{START}user\n{question}{END}\n{START}assistant\n").ids
    step = jax.jit(forward)
    out = []
    for _ in range(limit):
        padded = np.zeros((1, 256), np.int32)
        padded[0, : len(ids)] = ids
        token = int(jnp.argmax(step(params, padded)[0, len(ids) - 1]))
        if token == tokenizer.token_to_id(END):
            break
        ids.append(token)
        out.append(token)
    return tokenizer.decode(out)


def export(params, tokenizer, path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("serval-tiny-lm")
    writer.add_description("Answers questions about model serving; trained by examples/models/train_lm.py of the Serval project")
    writer.add_license("apache-2.0")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(DIM // HEADS)
    writer.add_rope_freq_base(ROPE)
    writer.add_layer_norm_rms_eps(EPS)
    writer.add_vocab_size(VOCAB)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    special = {PAD, START, END}
    tokens = [tokenizer.id_to_token(i) or f"<unused{i}>" for i in range(VOCAB)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.UNUSED if t.startswith("<unused") else gguf.TokenType.NORMAL for t in tokens])
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_eos_token_id(tokenizer.token_to_id(END))
    writer.add_bos_token_id(tokenizer.token_to_id(PAD))
    writer.add_pad_token_id(tokenizer.token_to_id(PAD))
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)
    writer.add_float32("general.sampling.temp", 0.0)  # what a request without a temperature gets: the text as trained
    flat = {"token_embd.weight": params["token_embd"], "output_norm.weight": params["output_norm"]}
    for i in range(LAYERS):
        flat.update({f"blk.{i}.{name}.weight": value for name, value in params[f"blk.{i}"].items()})
    for name, value in flat.items():
        array = np.asarray(value, np.float32)
        if array.ndim == 1:
            writer.add_tensor(name, array)
        else:
            writer.add_tensor(name, gguf.quants.quantize(array, gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default=str(HERE / "serval-tiny-lm" / "model.gguf"))
    args = parser.parse_args()
    pairs = read_pairs(HERE / "lm" / "qa.txt")
    tokenizer = train_tokenizer(pairs)
    count = sum(x.size for x in jax.tree.leaves(init(jax.random.PRNGKey(0))))
    print(f"{len(pairs)} answers, vocabulary {tokenizer.get_vocab_size()}, {count / 1e6:.2f} million parameters", flush=True)
    params = train(pairs, tokenizer, args.steps, args.seed)
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    export(params, tokenizer, args.out)
    print(f"wrote {args.out}, {os.path.getsize(args.out)} bytes", flush=True)
    for question in ["Explain KServe in 2 lines.", "What is Serval?", "How do I deploy a model?", "explain scale to zero", "Who are you?"]:
        print(f"> {question}\n{answer(params, tokenizer, question)}", flush=True)


if __name__ == "__main__":
    main()
