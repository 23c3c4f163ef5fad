import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { METRIC_DIMENSION, METRIC_NAMESPACE, METRICS } from "../shared/service.ts";

export type Measured = Readonly<Partial<Record<keyof typeof METRICS, number>>>;

/** Writes metrics of one cluster to the log, from where CloudWatch takes them: Embedded Metric Format, without a call. */
export function writeMetrics(cluster: string, measured: Measured): void {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  // Powertools' own dimension `service` would make other metrics of them than the alarms look at.
  metrics.clearDefaultDimensions();
  metrics.addDimension(METRIC_DIMENSION, cluster);
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
