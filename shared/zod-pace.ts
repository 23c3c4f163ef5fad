/**
 * zod makes code of an object's schema when it is first applied, and applies that faster from then on. To make it of a manifest's schema takes as long as to read some
 * hundred manifests without it, and a short command reads a few.
 */

/** For schemas that are applied a few times in a run. */
export const FEW_TIMES = { jitless: true } as const;

/** From so many documents on, code is made of their schemas. */
const MANY_DOCUMENTS = 200;
let documents = 0;

/** For the schemas of documents, of which a run reads a few or thousands: to be asked for each time that one is applied. */
export function documentPace(): { readonly jitless: boolean } {
  documents += 1;
  return { jitless: documents <= MANY_DOCUMENTS };
}
