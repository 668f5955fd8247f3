/** What is wrong and where, and what would help. */
export interface ProblemText {
  readonly statement: string;
  readonly cure: string;
}

export function words(statement: string, cure: string): ProblemText {
  return { statement: oneLine(statement), cure: oneLine(cure) };
}

export function bitmapText(where: {
  readonly bitmap: string;
  readonly nodeName?: string;
  readonly diskTarget?: string;
}): string {
  return `bitmap "${excerpt(where.bitmap)}" on node "${where.nodeName}"${diskText(where)}`;
}

export function nodeText(where: { readonly nodeName: string; readonly diskTarget?: string }): string {
  return `node "${where.nodeName}"${diskText(where)}`;
}

export function diskText({ diskTarget }: { readonly diskTarget?: string }, otherwise = ''): string {
  return diskTarget === undefined ? otherwise : ` (disk ${diskTarget})`;
}

/** A name may be 1023 bytes long and hold line breaks; a text stays on one line that can be read. */
export function excerpt(name: string): string {
  const shown = name.length > 80 ? `${name.slice(0, 77)}...` : name;
  return JSON.stringify(shown).slice(1, -1);
}

/** The texts of an error stand one on a line, whatever the values in them hold. */
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
