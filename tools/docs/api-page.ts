import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { declarationOf } from "./declarations.ts";
import type { Declaration, Member } from "./declarations.ts";

/** docs/api-infra.md: what `etcd-lifeboat/infra` exports, by the docstrings. */

const HEAD = `# The constructs

\`etcd-lifeboat/infra\` has the constructs of the service, for a CDK app of your own; examples/infra-app is one. \`npm run deploy\` deploys the two stacks at the end of this page, made from lifeboat.yaml alone
([settings of the service](cli.md#settings-of-the-service)).

The functions carry lifeboat.yaml: it says how etcd is reached, and names the bucket and the keys. The props say what AWS is to have for it. \`snapshotVaultProps\` and \`clusterBackupProps\` make the props from the file,
so that nothing is said twice; spread them, and put your own in place of any.

What a construct throws is an error with a \`code\`, a message and a \`hint\`, as the command line prints it.

<!-- This page is generated from the docstrings: npm run docs. -->
`;

/** The page for the module at `index`, whose line comments head its groups. */
export async function apiPage(index: string): Promise<string> {
  const groups = await groupsOf(index);
  const all = new Map(groups.flatMap(({ declarations }) => declarations.map((each) => [each.name, each] as const)));
  const contents = groups.map(
    ({ title, declarations }) => `- **${title}**: ${declarations.map(({ name }) => `[${name}](#${anchorOf(name)})`).join(", ")}`,
  );
  const sections = groups.flatMap(({ title, declarations }) => [`## ${title}`, ...declarations.map((each) => sectionOf(each, all))]);
  return `${[HEAD.trimEnd(), contents.join("\n"), ...sections].join("\n\n")}\n`;
}

type Declarations = ReadonlyMap<string, Declaration>;

interface Group {
  readonly title: string;
  readonly declarations: readonly Declaration[];
}

async function groupsOf(index: string): Promise<readonly Group[]> {
  const text = await readFile(index, "utf8");
  return Promise.all(
    text
      .split(/^\/\/ /m)
      .slice(1)
      .map(async (part) => {
        const declarations: Declaration[] = [];
        for (const [, names = "", from = ""] of part.matchAll(/^export (?:type )?\{([^}]*)\} from "(.*)";$/gm)) {
          const source = await readFile(join(dirname(index), from), "utf8");
          for (const name of names.split(",").map((each) => each.trim())) if (name !== "") declarations.push(declarationOf(source, name));
        }
        return { title: (part.split("\n", 1)[0] ?? "").replace(/\.$/, ""), declarations };
      }),
  );
}

function sectionOf(declaration: Declaration, all: Declarations): string {
  const { kind, name, doc } = declaration;
  const parts = [`### ${name}`];
  const links = (type: string): string => linked(type, all);
  if (kind === "class") {
    parts.push(code(`new ${name}(${declaration.parameters})`), doc.text);
    const uses = all.has(`${name}Props`) ? [`Props: ${links(`${name}Props`)}.`] : [];
    parts.push(...uses, membersTable(described(declaration.members, declaration.heritage, all), links));
    for (const { signature, doc: each } of declaration.methods) parts.push(code(signature.replace("static ", `${name}.`)), each.text);
  }
  if (kind === "interface") {
    const base = /extends (\w+)/.exec(declaration.heritage)?.[1];
    parts.push(doc.text, base === undefined ? "" : `Those of ${links(base)}, and:`, membersTable(declaration.members, links));
  }
  if (kind === "function") parts.push(code(declaration.signature.replace("function ", "")), doc.text);
  if (kind === "type") parts.push(code(`type ${name} = ${declaration.type}`), doc.text);
  return parts.filter((each) => each !== "").join("\n\n");
}

/** What a class says of no member of its own is said where its interface has it. */
function described(members: readonly Member[], heritage: string, all: Declarations): readonly Member[] {
  const base = all.get(/implements (\w+)/.exec(heritage)?.[1] ?? "");
  const inherited = base?.kind === "interface" ? base.members : [];
  return members.map((member) =>
    member.doc.text === "" ? { ...member, doc: inherited.find(({ name }) => name === member.name)?.doc ?? member.doc } : member,
  );
}

function membersTable(members: readonly Member[], links: (type: string) => string): string {
  if (members.length === 0) return "";
  const rows = members.map(({ name, isOptional, type, doc }) => {
    if (doc.text === "") throw new Error(`${name}: ${type} has no docstring`);
    const byDefault = isOptional && doc.default !== undefined ? ` Default: ${cell(doc.default)}.` : "";
    return `| \`${name}${isOptional ? "?" : ""}\` | ${links(type)} | ${cell(doc.text)}${byDefault} |`;
  });
  return ["| name | type | meaning |", "| --- | --- | --- |", ...rows].join("\n");
}

/** Types of the page are links, all else is code. */
function linked(type: string, names: Declarations): string {
  const bare = type.replace(/^readonly /, "").replace(/ \| undefined$/, "");
  if (names.has(bare)) return `[${bare}](#${anchorOf(bare)})`;
  const element = bare.replace(/\[\]$/, "");
  if (names.has(element)) return `array of [${element}](#${anchorOf(element)})`;
  return `\`${cell(bare)}\``;
}

function code(text: string): string {
  return `\`\`\`ts\n${text}\n\`\`\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** As GitHub makes anchors of headings. */
function anchorOf(name: string): string {
  return name.toLowerCase();
}
