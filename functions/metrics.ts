import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { isFleet } from "./container.ts";
import { METRIC_DIMENSIONS, METRIC_NAMESPACE, METRICS } from "../shared/contract/service.ts";

export type Measured = Readonly<Partial<Record<keyof typeof METRICS, number>>>;

/** Whose metrics they are: without a cluster those of all of the service together. */
export type MetricDimensions = Readonly<Partial<Record<keyof typeof METRIC_DIMENSIONS, string>>> & { readonly service: string };

/** Writes metrics of one cluster, or of the service, to the log; those of a fleet without its dimension, and with its name beside them. To the log, from where CloudWatch takes them: Embedded Metric Format, without a call. */
export function writeMetrics(whose: MetricDimensions, measured: Measured): void {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  // Powertools' own dimension `service` is a name of its own choice, and the alarms look at ours.
  metrics.clearDefaultDimensions();
  metrics.addDimension(METRIC_DIMENSIONS.service, whose.service);
  if (whose.cluster !== undefined) {
    if (isFleet()) metrics.addMetadata(METRIC_DIMENSIONS.cluster, whose.cluster);
    else metrics.addDimension(METRIC_DIMENSIONS.cluster, whose.cluster);
  }
  for (const [key, value] of Object.entries(measured)) if (isMetric(key)) metrics.addMetric(METRICS[key], unitOf(key), value);
  metrics.publishStoredMetrics();
}

function isMetric(key: string): key is keyof typeof METRICS {
  return Object.hasOwn(METRICS, key);
}

function unitOf(key: keyof typeof METRICS): (typeof MetricUnit)[keyof typeof MetricUnit] {
  if (key.endsWith("Bytes")) return MetricUnit.Bytes;
  return key.endsWith("Ms") ? MetricUnit.Milliseconds : MetricUnit.Count;
}
