/** A word as a POSIX shell takes it: quoted where anything in it means something to one. */
export function shellWord(word: string): string {
  return /^[\w./@:=,+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
