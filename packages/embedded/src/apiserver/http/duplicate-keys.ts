// SPDX-License-Identifier: Apache-2.0
// Keys that an object of a JSON text has twice. JSON.parse keeps the last one silently; Kubernetes reports them
// (`fieldValidation`). Source: sigs.k8s.io/json (strict decoding)

/** Paths as Kubernetes writes them: `spec.containers[0].image`. @param text valid JSON. */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  let at = 0;

  const skipSpace = (): void => {
    while (text.charCodeAt(at) <= 32) at++;
  };
  const skipString = (): void => {
    for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
    at++;
  };
  const readKey = (): string => {
    const from = at;
    skipString();
    const raw = text.slice(from + 1, at - 1);
    return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
  };
  const skipScalar = (): void => {
    while (at < text.length && !",]}".includes(text[at] as string)) at++;
  };
  // Recursion is as deep as JSON.parse has already gone.
  const visit = (path: string): void => {
    skipSpace();
    if (text[at] === '"') skipString();
    else if (text[at] === "{") visitObject(path);
    else if (text[at] === "[") visitArray(path);
    else skipScalar();
    skipSpace();
  };
  const visitObject = (path: string): void => {
    const keys = new Set<string>();
    at++;
    skipSpace();
    while (text[at] !== "}") {
      const key = readKey();
      const keyPath = path === "" ? key : `${path}.${key}`;
      if (keys.has(key)) found.push(keyPath);
      keys.add(key);
      skipSpace();
      at++;
      visit(keyPath);
      if (text[at] === ",") at++;
      skipSpace();
    }
    at++;
  };
  const visitArray = (path: string): void => {
    at++;
    skipSpace();
    for (let index = 0; text[at] !== "]"; index++) {
      visit(`${path}[${index}]`);
      if (text[at] === ",") at++;
      skipSpace();
    }
    at++;
  };
  visit("");
  return [...new Set(found)];
}
