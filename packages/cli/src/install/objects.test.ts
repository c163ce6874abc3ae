// SPDX-License-Identifier: Apache-2.0
// What every install has to be, whatever its options.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type AnyObject, imagesIn } from "@serval/api";
import { installObjects } from "./objects.ts";
import { defaultInstallOptions, type InstallOptions } from "./options.ts";

interface Template {
  readonly serviceAccountName: string;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly resources: { readonly limits: Readonly<Record<string, string>> };
    readonly securityContext: Readonly<Record<string, unknown>>;
  }[];
}

const base = defaultInstallOptions;
const variants: Readonly<Record<string, InstallOptions>> = {
  default: base,
  "without gateway": { ...base, gateway: { ...base.gateway, enabled: false } },
  "a mirror": { ...base, images: imagesIn("registry.example.com:5000/mirror/serval", "v9") },
  "two operators": { ...base, operator: { ...base.operator, replicas: 2 } },
};

const names = (objects: readonly AnyObject[]): string[] =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
const templates = (objects: readonly AnyObject[]): Template[] =>
  objects
    .filter(({ kind }) => kind === "Deployment")
    .map((object) => (object["spec"] as { template: { spec: Template } }).template.spec);

describe("the objects of an install", () => {
  for (const [name, options] of Object.entries(variants))
    describe(name, () => {
      const objects = installObjects(options);
      it("are each there once", () => assert.equal(new Set(names(objects)).size, objects.length));
      it("run as Pod Security's restricted level wants, without a limit on CPU", () => {
        for (const { securityContext, containers } of templates(objects)) {
          assert.deepEqual(securityContext, { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
          for (const container of containers) {
            assert.deepEqual(container.resources.limits, { memory: "512Mi" });
            assert.equal(container.image, options.images.serval);
            assert.deepEqual(container.securityContext, {
              allowPrivilegeEscalation: false,
              capabilities: { drop: ["ALL"] },
              readOnlyRootFilesystem: true,
              runAsNonRoot: true,
            });
          }
        }
      });
      it("let nobody list secrets", () => {
        const rules = objects.flatMap(
          (object) => (object["rules"] ?? []) as { resources: string[]; verbs: string[] }[],
        );
        const verbs = rules.filter(({ resources }) => resources.includes("secrets")).flatMap((rule) => rule.verbs);
        assert.deepEqual([...new Set(verbs)].toSorted(), ["create", "get", "update"]);
        assert.ok(!rules.some((rule) => rule.verbs.includes("*") || rule.resources.includes("*")));
      });
    });

  const operatorArgs = (options: InstallOptions): readonly string[] =>
    templates(installObjects(options))[0]?.containers[0]?.args ?? [];
  it("name the registry that the operator names in what it brings", () => {
    assert.ok(
      operatorArgs(variants["a mirror"] ?? base).includes("--repository=registry.example.com:5000/mirror/serval"),
    );
    assert.ok(operatorArgs(variants["a mirror"] ?? base).includes("--image-tag=v9"));
  });
  it("are fewer without a gateway, and the operator brings none", () => {
    const options = variants["without gateway"] ?? base;
    assert.ok(!names(installObjects(options)).some((name) => name.includes("gateway")));
    assert.ok(operatorArgs(options).includes("--gateway=false"));
  });
  it("have a disruption budget only where there are two", () => {
    const budgets = (options: InstallOptions): string[] =>
      names(installObjects(options)).filter((name) => name.startsWith("PodDisruptionBudget"));
    assert.deepEqual(budgets(base), ["PodDisruptionBudget serval-system/serval-gateway"]);
    assert.equal(budgets(variants["two operators"] ?? base).length, 2);
  });
});
