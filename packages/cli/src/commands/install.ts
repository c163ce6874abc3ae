// SPDX-License-Identifier: Apache-2.0
// `serval install`: the same objects as deploy/serval.yaml, applied to the current cluster, and a wait until they work.
import { imagesIn } from "@serval/api";
import { stringify } from "yaml";
import { flagText, type Invocation, type Io, UsageError } from "../command.ts";
import { applyInstall } from "../install/apply-install.ts";
import { installObjects } from "../install/objects.ts";
import { defaultInstallOptions, type InstallOptions } from "../install/options.ts";
import { openTarget } from "../install/target.ts";

export function optionsOf({ flags, positionals }: Invocation): InstallOptions {
  if (positionals.length > 0) throw new UsageError(`serval ${positionals[0]}? It takes flags only`);
  const repository = flagText(flags, "repository");
  const { gateway, images } = defaultInstallOptions;
  return {
    ...defaultInstallOptions,
    images: repository === undefined ? images : imagesIn(repository.replace(/\/$/, "")),
    gateway: { ...gateway, enabled: flags["no-gateway"] !== true },
  };
}

export async function run(invocation: Invocation, io: Io): Promise<number> {
  const options = optionsOf(invocation);
  if (invocation.flags["dry-run"] === true) {
    const documents = installObjects(options).map((object) => stringify(object, { aliasDuplicateObjects: false }));
    io.write(documents.join("---\n"));
    return 0;
  }
  const target = await openTarget(invocation, io);
  try {
    io.err(`Installing Serval on ${target.server}`);
    await applyInstall(target, options);
    io.err("Serval is ready: kubectl apply -f an InferenceService");
    return 0;
  } finally {
    await target.cluster[Symbol.asyncDispose]();
  }
}
