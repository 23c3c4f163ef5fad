import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { readUnit } from "../support/systemd-units.ts";

/** examples/node: what they may do on a node is to read. */

const EXAMPLES = new URL("../../examples/node/", import.meta.url);

test("the timer's unit can change nothing, and keeps what it sends in memory", async () => {
  expect(await readUnit("../node/lifeboat-collect.service")).toMatchObject({
    ProtectSystem: ["strict"],
    ProtectHome: ["read-only"],
    CapabilityBoundingSet: ["CAP_DAC_READ_SEARCH"],
    NoNewPrivileges: ["true"],
    RuntimeDirectoryMode: ["0700"],
  });
  expect(await readUnit("../node/lifeboat-collect.timer")).toMatchObject({ OnCalendar: ["daily"], Persistent: ["true"] });
});

const mount = z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() });
const cronJob = z.object({
  kind: z.literal("CronJob"),
  spec: z.object({
    jobTemplate: z.object({
      spec: z.object({
        completions: z.number(),
        parallelism: z.number(),
        template: z.object({
          spec: z.object({
            automountServiceAccountToken: z.literal(false),
            containers: z.tuple([
              z.object({
                securityContext: z.object({
                  allowPrivilegeEscalation: z.literal(false),
                  readOnlyRootFilesystem: z.literal(true),
                  capabilities: z.object({ drop: z.tuple([z.literal("ALL")]), add: z.tuple([z.literal("DAC_READ_SEARCH")]) }),
                }),
                volumeMounts: z.array(mount),
              }),
            ]),
            volumes: z.array(z.object({ name: z.string(), hostPath: z.object({ path: z.string() }).optional() })),
          }),
        }),
      }),
    }),
  }),
});

test("the CronJob reads the node's /etc and nothing else of it, with one capability", async () => {
  const documents = parseAllDocuments(await readFile(new URL("cronjob.yaml", EXAMPLES), "utf8")).map((each) => {
    const value: unknown = each.toJS();
    return value;
  });
  const { completions, parallelism, template } = cronJob.parse(documents.at(-1)).spec.jobTemplate.spec;
  expect(completions).toBe(parallelism);
  const hostPaths = template.spec.volumes.filter(({ hostPath }) => hostPath !== undefined);
  expect(hostPaths).toEqual([{ name: "etc", hostPath: { path: "/etc" } }]);
  expect(template.spec.containers[0].volumeMounts.find(({ name }) => name === "etc")).toEqual({
    name: "etc",
    mountPath: "/host/etc",
    readOnly: true,
  });
});
