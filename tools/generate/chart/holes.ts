// SPDX-License-Identifier: Apache-2.0
// Places in an object that a Helm template fills: words that YAML never quotes, replaced after it was written. So the
// chart's objects are those of the manifests, and what is a parameter stands where it is in the object.
import { stringify } from "yaml";

type Hole =
  | { readonly kind: "inline"; readonly expression: string }
  /** A map or list as the value of a key, which is left out when empty. */
  | { readonly kind: "block"; readonly expression: string }
  /** Items of a list besides those that are there. */
  | { readonly kind: "items"; readonly expression: string }
  /** Entries of a map besides those that are there; stands for a key. */
  | { readonly kind: "entries"; readonly expression: string };

export class Holes {
  private readonly all: Hole[] = [];

  private make(hole: Hole): string {
    this.all.push(hole);
    return `HOLE${this.all.length - 1}ELOH`;
  }

  inline(expression: string): string {
    return this.make({ kind: "inline", expression });
  }

  block(expression: string): string {
    return this.make({ kind: "block", expression });
  }

  items(expression: string): string {
    return this.make({ kind: "items", expression });
  }

  entries(expression: string): string {
    return this.make({ kind: "entries", expression });
  }

  /** The object as text of a template. */
  render(object: unknown): string {
    const text = stringify(object, { lineWidth: 0, aliasDuplicateObjects: false });
    return text
      .split("\n")
      .map((line) => this.filled(line))
      .join("\n");
  }

  private filled(line: string): string {
    const alone = /^( *)(- )?(?:([\w-]+): )?HOLE(\d+)ELOH(?:: null)?$/.exec(line);
    const hole = alone === null ? undefined : this.all[Number(alone[4])];
    if (alone !== null && hole !== undefined && hole.kind !== "inline") {
      const [, indent = "", , key] = alone;
      const inner = hole.kind !== "block" ? indent.length : indent.length + 2;
      return [
        `${indent}{{- with ${hole.expression} }}`,
        ...(hole.kind === "block" ? [`${indent}${key}:`] : []),
        `${" ".repeat(inner)}{{- toYaml . | nindent ${inner} }}`,
        `${indent}{{- end }}`,
      ].join("\n");
    }
    return line.replace(/HOLE(\d+)ELOH/g, (_word, at: string) => `{{ ${this.all[Number(at)]!.expression} }}`);
  }
}
