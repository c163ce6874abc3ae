// SPDX-License-Identifier: Apache-2.0
// `serval predict`: one request to a model through the gateway; the answer alone on stdout.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { CommandError, flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { namespaceOf, runningHome } from "../home.ts";

export type Protocol = "v1" | "v2" | "chat" | "completions";

/** Which endpoint a body is for. */
export function protocolOf(body: Readonly<Record<string, unknown>>): Protocol | undefined {
  if (Array.isArray(body["instances"])) return "v1";
  if (Array.isArray(body["inputs"])) return "v2";
  if (Array.isArray(body["messages"])) return "chat";
  return body["prompt"] === undefined ? undefined : "completions";
}

/** Path below the service's own root. */
export function pathOf(protocol: Protocol, model: string): string {
  return {
    v1: `/v1/models/${model}:predict`,
    v2: `/v2/models/${model}/infer`,
    chat: "/openai/v1/chat/completions",
    completions: "/openai/v1/completions",
  }[protocol];
}

async function readBody(data: string, io: Io): Promise<Record<string, unknown>> {
  const text = data.startsWith("@")
    ? await readFile(resolve(io.cwd, data.slice(1)), "utf8").catch((error: Error) =>
        Promise.reject(new CommandError(`Cannot read "${data.slice(1)}": ${error.message}`)),
      )
    : data;
  try {
    const body: unknown = JSON.parse(text);
    if (body !== null && typeof body === "object" && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`The body is not JSON: ${(error as Error).message}`);
  }
  throw new UsageError('The body must be a JSON object, for example {"instances": [[6.8, 2.8, 4.8, 1.4]]}');
}

/** Texts of a server-sent event stream as they come. */
async function printStream(response: Response, io: Io): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const choice = JSON.parse(line.slice(6)).choices?.[0];
      io.write(choice?.delta?.content ?? choice?.text ?? "");
    }
  }
  io.out("");
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const [name] = invocation.positionals;
  const data = flagText(invocation.flags, "data");
  if (name === undefined) throw new UsageError("Name an InferenceService");
  if (data === undefined) throw new UsageError("Give the body with -d @FILE or -d JSON");
  const body = await readBody(data, io);
  const protocol = protocolOf(body);
  if (protocol === undefined)
    throw new UsageError(
      'The body has none of "instances" (v1), "inputs" (v2), "messages" (chat) and "prompt" (completions)',
    );
  const { gatewayUrl } = await runningHome(invocation, io);
  const request = protocol === "chat" || protocol === "completions" ? { model: name, ...body } : body;
  const response = await fetch(`${gatewayUrl}/serving/${namespaceOf(invocation)}/${name}${pathOf(protocol, name)}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  }).catch((error: Error & { cause?: Error }) =>
    Promise.reject(
      new CommandError(
        `Cannot reach the gateway at ${gatewayUrl}: ${error.cause?.message ?? error.message}\nFix: serval status says whether it runs`,
      ),
    ),
  );
  if (!response.ok) {
    io.err(`serval predict: HTTP ${response.status}: ${(await response.text()).trim()}`);
    io.err(`serval describe ${name} says how the service is`);
    return 1;
  }
  if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) await printStream(response, io);
  else io.out((await response.text()).trimEnd());
  return 0;
}
