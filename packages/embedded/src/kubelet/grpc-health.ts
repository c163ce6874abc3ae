// SPDX-License-Identifier: Apache-2.0
// One question of the gRPC health protocol, for grpc probes: a unary call over plain HTTP/2.
// Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md, doc/PROTOCOL-HTTP2.md
import { connect } from "node:http2";
import type { ProbeAnswer } from "./probes.ts";

const statusNames = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const serving = 1;
const unimplemented = "12";

/** HealthCheckRequest{service} behind its length, as gRPC frames messages. */
function requestFrame(service: string): Buffer {
  const name = Buffer.from(service);
  // A varint of the length: seven bits a byte.
  const length: number[] = [];
  for (let left = name.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left);
    if (left <= 127) break;
  }
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** `status` of a HealthCheckResponse: field 1, a varint below 128. */
function statusFrom(frame: Buffer): number {
  return frame.length >= 7 && frame[5] === 0x08 ? (frame[6] as number) : 0;
}

interface Call {
  readonly host: string;
  readonly port: number;
  readonly service: string;
  readonly timeoutMs: number;
}

function verdict(
  body: Buffer,
  { status, message, service }: { status: string; message: string; service: string },
): ProbeAnswer {
  if (status === unimplemented)
    return { ok: false, message: "this server does not implement the grpc health protocol (grpc.health.v1.Health)" };
  if (status !== "0")
    return { ok: false, message: `grpc health check of service "${service}" failed with code ${status}: ${message}` };
  const answered = statusFrom(body);
  if (answered === serving) return { ok: true, message: "" };
  return { ok: false, message: `service unhealthy (responded with "${statusNames[answered] ?? answered}")` };
}

/** Never throws. */
export function askGrpcHealth({ host, port, service, timeoutMs }: Call): Promise<ProbeAnswer> {
  return new Promise((resolve) => {
    const session = connect(`http://${host}:${port}`);
    const end = (answer: ProbeAnswer): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(answer);
    };
    const timer = setTimeout(
      () => end({ ok: false, message: `timeout: health rpc did not complete within ${timeoutMs / 1_000}s` }),
      timeoutMs,
    );
    session.on("error", (error) =>
      end({ ok: false, message: `failed to connect service "${host}:${port}": ${error.message}` }),
    );
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
      "user-agent": "kube-probe/1.34",
    });
    let [body, status, message] = [Buffer.alloc(0), "", ""];
    const note = (headers: Record<string, unknown>): void => {
      if (headers["grpc-status"] !== undefined) status = String(headers["grpc-status"]);
      if (headers["grpc-message"] !== undefined) message = String(headers["grpc-message"]);
    };
    call.on("response", note);
    call.on("trailers", note);
    call.on("data", (chunk: Buffer) => {
      if (body.length < 1_024) body = Buffer.concat([body, chunk]);
    });
    // A connection that failed says so itself, after its calls.
    call.on("error", (error) => setImmediate(end, { ok: false, message: error.message }));
    call.on("end", () => end(verdict(body, { status, message, service })));
    call.end(requestFrame(service));
  });
}
