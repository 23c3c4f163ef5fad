import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { auditReport } from "../../cli/audit-reports.ts";
import { CODES } from "../../shared/audit/finding.ts";
import type { AuditCode } from "../../shared/audit/finding.ts";
import type { AuditedCluster } from "../../shared/jobs/audit/audit.ts";
import { temporaryFolder } from "../../tools/lab/temporary-folder.ts";
import type { TemporaryFolder } from "../../tools/lab/temporary-folder.ts";

/** The formats for CI systems, held against what others read them by: OASIS' schema of SARIF, and a reader of JUnit's XML. Both are fetched at one version, and kept by nobody. */

// It carries the schema, as sarif-2.1.0-rtm.5.json.
const SCHEMA = ["@microsoft/jest-sarif@1.0.0-beta.0", "ajv@6.12.6"];
const READER = "junitparser==5.0.3";
const PYTHON = fileURLToPath(new URL("../../tools/.venv/bin/python3", import.meta.url));

let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder.path, "package.json"), '{ "private": true }');
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefer-offline"];
  await execa("npm", ["install", ...flags, ...SCHEMA], { cwd: folder.path });
  const pip = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--target", join(folder.path, "py"), READER];
  await execa(PYTHON, pip, { cwd: folder.path });
});
afterAll(() => folder.remove());

/** What stores and servers may say. */
const HOSTILE = `a "b" 'c' <d> & ]]> – ü 🛟 \n\ttab \u0000\u001b[31m\ufffe \ud800`;

const finding = (cluster: string, code: AuditCode, text: string): AuditedCluster["findings"][number] => ({
  code,
  severity: CODES[code].severity,
  cluster,
  subject: `${cluster}/${text}`,
  message: text,
  evidence: [text, ""],
  fix: text,
  runbook: CODES[code].runbook,
});

const labelsOf = (cluster: string): string => (cluster === "prod" ? HOSTILE : "");

const codes = Object.keys(CODES) as AuditCode[];
const audited = (cluster: string, findings: AuditedCluster["findings"]): AuditedCluster => ({
  cluster,
  isConfigured: true,
  snapshots: undefined,
  good: undefined,
  findings,
});
const ALL = [
  audited(
    "prod",
    codes.flatMap((code) => [finding("prod", code, HOSTILE), finding("prod", code, "x")]),
  ),
  audited("edge", []),
];

const VALIDATE = `
const Ajv = require("ajv");
const ajv = new Ajv({ schemaId: "auto", allErrors: true });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const schema = require("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
const validate = ajv.compile(schema);
const documents = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(documents.map((each) => validate(each) ? [] : validate.errors.map(({ dataPath, message }) => dataPath + " " + message))));
`;

test("what is written as SARIF is valid by its schema, with all findings and with none", async () => {
  const documents = [ALL, []].map((each) => JSON.parse(auditReport("sarif", each, labelsOf)) as object);
  // The schema does refuse: without a message, and with a level of our own.
  const wrong = { version: "2.1.0", runs: [{ tool: { driver: { name: "x" } }, results: [{ level: "fatal" }] }] };
  const input = JSON.stringify([...documents, wrong]);
  const { stdout } = await execa(process.execPath, ["-e", VALIDATE], { cwd: folder.path, input });
  const [all, none, refused] = JSON.parse(stdout) as (readonly string[])[];
  expect({ all, none }).toEqual({ all: [], none: [] });
  expect(refused?.length).toBeGreaterThan(1);
});

const READ = `
import json, sys
from junitparser import JUnitXml
xml = JUnitXml.fromstring(sys.stdin.buffer.read())
print(json.dumps([{"name": s.name, "tests": s.tests, "failures": s.failures, "cases": [
  {"name": c.name, "classname": c.classname, "failures": [{"message": r.message, "type": r.type, "text": r.text} for r in c.result]}
  for c in s]} for s in xml]))
`;
const suites = z.array(
  z.object({
    name: z.string(),
    tests: z.number(),
    failures: z.number(),
    cases: z.array(
      z.object({
        name: z.string(),
        classname: z.string(),
        failures: z.array(z.object({ message: z.string(), type: z.string(), text: z.string() })),
      }),
    ),
  }),
);

test("what is written as JUnit's XML is read by others as it is meant", async () => {
  const env = { PYTHONPATH: join(folder.path, "py") };
  const { stdout } = await execa(PYTHON, ["-c", READ], { env, input: auditReport("junit", ALL, labelsOf) });
  const [prod, edge] = suites.parse(JSON.parse(stdout));
  const failing = codes.filter((code) => CODES[code].severity !== "info");
  expect(prod).toMatchObject({ name: "prod", tests: codes.length, failures: failing.length });
  expect(edge).toMatchObject({ name: "edge", tests: codes.length, failures: 0 });
  expect(prod?.cases.map(({ name }) => name)).toEqual(codes);
  for (const { name, classname, failures } of prod?.cases ?? []) {
    expect(classname).toBe("prod");
    expect({ name, failures: failures.length }).toEqual({ name, failures: failing.includes(name as AuditCode) ? 2 : 0 });
    // What XML cannot hold is shown as such, and everything else is what it was.
    const shown = ["\u0000", "\u001b", "\ufffe", "\ud800"].reduce((text, each) => text.replaceAll(each, "\ufffd"), HOSTILE);
    for (const { message, text } of failures.slice(0, 1)) {
      expect(message).toBe(`prod/${shown}: ${shown}`.replaceAll("\t", " "));
      expect(text).toBe(`${shown}\n\nfix: ${shown}`);
    }
  }
  expect(edge?.cases.flatMap(({ failures }) => failures)).toEqual([]);
});
