// SPDX-License-Identifier: Apache-2.0
// docs/guide/troubleshoot.md: symptoms from the operator's rules, causes and ways out from the error catalogue.
import { catalogue } from "@serval/api";
import { symptoms } from "@serval/operator/causes/symptoms.ts";

const intro = `# Find out why a model is not ready

\`\`\`sh
serval describe isvc iris     # one service: its objects, the deepest cause, every other one, what to do, last log lines
serval doctor                 # every service of the home, and what they all depend on
serval doctor --context prod  # the same for a cluster
\`\`\`

The operator looks for the deepest cause that the cluster shows, as soon as it shows, and writes it to \`status.serval\` (reason, code, message, fix), to the column REASON of \`kubectl get isvc\`, and to one event. It goes when the trouble does. \`serval describe\` and \`serval doctor\` run the same rules, list what else is wrong, and give advice on what is not broken and will hurt. \`serval doctor\` ends with 0 when no problem was found and with 1 otherwise; \`-o json\` is for scripts.

## From the symptom to the way out
`;

const outro = `
## Answers of the gateway

| answer | what it means | what to do |
| --- | --- | --- |
| 503 \`SV9003\` | no endpoint is ready | \`serval describe isvc NAME\` |
| 404 \`SV9001\` | no route has that host and path | use the host of \`status.url\`, or \`/serving/<namespace>/<name>/\` |

## When the operator may not look

Nodes, events, PersistentVolumeClaims, Gateways and the end of a crashed container's log are read only when a cause asks for them. Where the operator's role does not allow that, the cause says less. It needs \`get\` and \`list\` on \`nodes\`, \`events\`, \`persistentvolumeclaims\`, \`gateways\` and \`gatewayclasses\`, and \`get\` on \`pods/log\`.

Every code is listed in [errors](../reference/errors.md).
`;

export function troubleshootingPage(header: string): string {
  const sections = symptoms.map(({ seen, reasons }) => {
    const rows = reasons.map((reason) => {
      const { code, title, fix } = catalogue[reason];
      return `| [\`${code}\`](../reference/errors.md#${code.toLowerCase()}) \`${reason}\` | ${title} | ${fix} |`;
    });
    return `\n### ${seen}\n\n| reason | cause | what to do |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
  });
  return `${header}\n${intro}${sections.join("")}${outro}`;
}
