/**
 * Where two values of JSON differ first, as a path below `path`; `undefined`: nowhere. The order of members is of no
 * matter. Values do not stand in it: they may be secrets.
 */
export function firstDifference(expected: unknown, given: unknown, path: string): string | undefined {
  if (expected === given) return undefined;
  if (!isContainer(expected) || !isContainer(given) || Array.isArray(expected) !== Array.isArray(given)) return path;
  for (const member of new Set([...Object.keys(expected), ...Object.keys(given)])) {
    const memberPath = Array.isArray(expected) ? `${path}[${member}]` : `${path}.${member}`;
    if (!Object.hasOwn(expected, member) || !Object.hasOwn(given, member)) return memberPath;
    const difference = firstDifference(expected[member], given[member], memberPath);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function isContainer(value: unknown): value is { readonly [member: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
