import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { preAuthEncoding } from "../../shared/documents/envelope.ts";

/** What a release says of itself: pure but for reading files. */

/** SHA-256 in hex of each file of a folder, by name. */
export async function digestsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).toSorted();
  const digests = await Promise.all(
    names.map(async (name) =>
      createHash("sha256")
        .update(await readFile(join(folder, name)))
        .digest("hex"),
    ),
  );
  return new Map(names.map((name, index) => [name, digests[index] ?? ""]));
}

/** As `sha256sum -c` reads it. */
export function sumsText(digests: ReadonlyMap<string, string>): string {
  return [...digests].map(([name, digest]) => `${digest}  ${name}\n`).join("");
}

export interface Source {
  readonly version: string;
  /** Of git. */
  readonly commit: string;
  /** SHA-256 in hex of package-lock.json, which pins what went in. */
  readonly lock: string;
  readonly node: string;
  readonly go: string;
  readonly finishedAt: string;
}

/** An in-toto Statement v1 (https://in-toto.io/Statement/v1) with SLSA provenance v1 (https://slsa.dev/provenance/v1). */
export function provenance(digests: ReadonlyMap<string, string>, source: Source): object {
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [...digests].map(([name, sha256]) => ({ name, digest: { sha256 } })),
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition: {
        buildType: "urn:etcd-lifeboat:npm-run-release:1",
        externalParameters: { version: source.version },
        internalParameters: { node: source.node, go: source.go },
        resolvedDependencies: [
          { uri: "urn:etcd-lifeboat:repository", digest: { gitCommit: source.commit } },
          { uri: "urn:etcd-lifeboat:package-lock.json", digest: { sha256: source.lock } },
        ],
      },
      runDetails: { builder: { id: "urn:etcd-lifeboat:a-person's-machine" }, metadata: { finishedOn: source.finishedAt } },
    },
  };
}

/** The section of a version in CHANGELOG.md, without its heading; undefined where there is none. */
export function changesOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((each) => (each.split("\n")[0] ?? "").split(" ")[0] === version);
  return section?.slice(section.indexOf("\n") + 1).trim();
}

export interface Signer {
  /** Of the public key as DER: `sha256:...`. */
  readonly fingerprint: string;
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKey: string;
  /** ECDSA over SHA-256, DER: what `openssl dgst -sha256 -verify` takes. */
  signature(bytes: Uint8Array): Buffer;
}

/** A P-256 key as PEM; an Error names what else it is. */
export function signerOf(pem: string, file: string): Signer {
  let key;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error(`${file} is no private key in PEM: make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`);
  }
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error(`${file} is no key on P-256: the others of lifeboat are`);
  const publicKey = createPublicKey(key);
  const der = publicKey.export({ type: "spki", format: "der" });
  return {
    fingerprint: `sha256:${createHash("sha256").update(der).digest("hex")}`,
    publicKey: publicKey.export({ type: "spki", format: "pem" }).toString(),
    signature: (bytes) => sign("sha256", bytes, key),
  };
}

/** A DSSE envelope (https://github.com/secure-systems-lab/dsse) around an in-toto statement. */
export function envelope(statement: object, signer: Signer): object {
  const payloadType = "application/vnd.in-toto+json";
  const payload = Buffer.from(JSON.stringify(statement));
  const signature = signer.signature(preAuthEncoding(payloadType, payload));
  return {
    payloadType,
    payload: payload.toString("base64"),
    signatures: [{ keyid: signer.fingerprint, sig: signature.toString("base64") }],
  };
}
