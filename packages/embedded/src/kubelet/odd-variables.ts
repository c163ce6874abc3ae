// SPDX-License-Identifier: Apache-2.0
// Variables whose names a POSIX shell cannot hold ("storage.example.com-headers", "app.conf" of a ConfigMap): dash drops
// them from the environment of what it starts. They travel in one variable of a proper name, and a moment of Node in the
// container's own process puts them back and becomes the program. Values never stand in a command line, where every user
// of the machine could read them.

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const carrier = "SERVAL_SHIM_ENV";
const isShellName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** process.execve keeps the process id; the program's own argv[0] is what the container says. */
const restore = `const { ${carrier}: odd, ...env } = process.env;
const [file, ...argv] = process.argv.slice(1);
process.execve(file, argv, { ...env, ...JSON.parse(odd) });`;

/**
 * The same command for a shell to start. Unchanged unless a name needs it.
 *
 * @param file the program's own file: `argv[0]` may be a name to be looked up.
 */
export function throughShell({ argv, env }: Command, file: string, node = process.execPath): Command {
  const names = Object.keys(env);
  const odd = names.filter((name) => !isShellName(name));
  if (odd.length === 0) return { argv, env };
  const pick = (wanted: readonly string[]) => Object.fromEntries(wanted.map((name) => [name, env[name] ?? ""]));
  return {
    argv: [node, "--disable-warning=ExperimentalWarning", "-e", restore, "--", file, ...argv],
    env: { ...pick(names.filter(isShellName)), [carrier]: JSON.stringify(pick(odd)) },
  };
}
