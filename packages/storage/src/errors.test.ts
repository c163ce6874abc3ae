// SPDX-License-Identifier: Apache-2.0
// Every failure of network and disk in words, and which of them are worth another try.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServalError } from "@serval/api/errors/index.ts";
import { bodyFailure, connectionFailure, diskFailure } from "./errors.ts";

const failing = (code: string, message = "raw text"): Error => Object.assign(new Error(message), { code });
const uri = "https://user:secret@host/m.bin?sig=secret";

describe("connectionFailure()", () => {
  for (const { code, says, transient } of [
    { code: "ECONNREFUSED", says: /Failed to connect to HTTP endpoint '.*'\. nothing listens there/, transient: true },
    { code: "ECONNRESET", says: /connection was cut/, transient: true },
    { code: "ENOTFOUND", says: /host name is not known/, transient: true },
    { code: "UND_ERR_BODY_TIMEOUT", says: /no byte came for 30 s/, transient: true },
    { code: "UND_ERR_SOCKET", says: /connection was cut/, transient: true },
    { code: "DEPTH_ZERO_SELF_SIGNED_CERT", says: /its certificate is not accepted: raw text/, transient: false },
    { code: "CERT_HAS_EXPIRED", says: /its certificate is not accepted/, transient: false },
    { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE", says: /its certificate is not accepted/, transient: false },
    { code: "ERR_TLS_CERT_ALTNAME_INVALID", says: /its certificate is not accepted/, transient: false },
    { code: "SOMETHING_NEW", says: /raw text/, transient: false },
  ])
    it(code, () => {
      const failure = connectionFailure("HTTP", uri, failing(code));
      assert.match(failure.message, says);
      assert.doesNotMatch(failure.message, /secret/);
      assert.equal(failure.transient, transient);
      assert.notEqual(failure.fix, "");
    });
  it("finds the code below other errors", () =>
    assert.match(connectionFailure("GCS", uri, new Error("x", { cause: failing("ECONNRESET") })).message, /was cut/));
});

describe("diskFailure() and bodyFailure()", () => {
  for (const { code, says } of [
    { code: "ENOSPC", says: /Cannot write "\/d\/f": the disk is full/ },
    { code: "EDQUOT", says: /the disk is full/ },
    { code: "EACCES", says: /permission denied/ },
    { code: "EROFS", says: /the file system is read-only/ },
    { code: "ENOTDIR", says: /a file is where a folder should be/ },
  ])
    it(code, () => {
      const failure = diskFailure(failing(code), "/d/f");
      assert.ok(failure instanceof ServalError);
      assert.match(failure.message, says);
      assert.equal(failure.transient, false);
    });
  it("leaves alone what it does not know", () => {
    const error = failing("EMFILE");
    assert.equal(diskFailure(error, "/d/f"), error);
  });
  it("a disk's failure in the middle of a body stays one of the disk", () => {
    const error = failing("ENOSPC");
    assert.equal(bodyFailure("s", error), error);
  });
});
