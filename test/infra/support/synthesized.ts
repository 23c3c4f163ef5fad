import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { App } from "aws-cdk-lib";
import { execa } from "execa";
import { buildApp } from "../../../infra/build-app.ts";
import { readDeployment } from "../../../infra/deployment.ts";
import { messageOf } from "../../../shared/errors.ts";
import { parseTemplate } from "./template.ts";
import type { Template } from "./template.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

export interface Synthesized {
  readonly vault: Template;
  readonly service: Template;
  readonly keeper: Template;
  readonly audit: Template;
  /** These are undefined where the configuration asks for none. */
  readonly desk: Template | undefined;
  readonly drill: Template | undefined;
  /** All of them, for what one says of the other. */
  readonly templates: readonly Template[];
  /** The cloud assembly. */
  readonly out: string;
  /** What was found in it: by cdk-nag, and what we warn of. */
  readonly report: string;
}

/** What the suites look at: made before the first test runs. */
export interface Synths {
  /** Of examples/lifeboat.yaml. */
  readonly example: () => Synthesized;
  /** Of what the example leaves out. */
  readonly other: () => Synthesized;
}

/** Synthesizes the app for a lifeboat.yaml into a folder of its own below `folder`, with what `change` adds to it. */
export async function synthesize(folder: string, config: string, change: (app: App) => void): Promise<Synthesized> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "lifeboat.yaml");
  await writeFile(file, config);
  const deployment = await readDeployment(file);
  const out = join(folder, "cdk.out");
  // CDK's own validation, which npm run synth has, takes 5 s of CPU.
  const app = new App({ outdir: out, analyticsReporting: false, builtinCloudFormationValidation: false });
  buildApp(app, deployment);
  change(app);
  let report = "";
  try {
    app.synth();
  } catch (error) {
    // The templates are written by then.
    report = messageOf(error);
  }
  return read(out, deployment.service.name, report);
}

/** What `npm run synth` makes of examples/lifeboat.yaml, into `out`. */
export async function synthesizeExample(out: string): Promise<Synthesized> {
  const { stderr } = await execa(join(ROOT, "node_modules/.bin/cdk"), ["synth", "--quiet", "--output", out], {
    cwd: ROOT,
    env: CDK_ENVIRONMENT,
  });
  return read(out, "lifeboat", stderr);
}

/** What the app says of a lifeboat.yaml that cannot be deployed; the command line of CDK passes it on. */
export async function refusalOf(config: string): Promise<{ readonly exitCode: number | undefined; readonly stderr: string }> {
  const env = { CDK_CONTEXT_JSON: JSON.stringify({ config }) };
  const { exitCode, stderr } = await execa(process.execPath, ["infra/app.ts"], { cwd: ROOT, env, reject: false });
  return { exitCode, stderr };
}

/** No question to a virtual machine's own service for credentials. */
const CDK_ENVIRONMENT = { AWS_EC2_METADATA_DISABLED: "true", CDK_DISABLE_VERSION_CHECK: "true" };

async function read(out: string, name: string, report: string): Promise<Synthesized> {
  const template = async (stack: string): Promise<Template> =>
    parseTemplate(JSON.parse(await readFile(join(out, `${name}-${stack}.template.json`), "utf8")));
  const [vault, service, keeper] = [await template("vault"), await template("service"), await template("keeper")];
  const audit = await template("audit");
  const optional = async (stack: string): Promise<Template | undefined> =>
    existsSync(join(out, `${name}-${stack}.template.json`)) ? template(stack) : undefined;
  const [desk, drill] = [await optional("desk"), await optional("drill")];
  return { vault, service, keeper, audit, desk, drill, templates: [vault, service, keeper], out, report };
}
