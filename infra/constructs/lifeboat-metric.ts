import { Metric } from "aws-cdk-lib/aws-cloudwatch";
import type { Duration } from "aws-cdk-lib";
import { METRIC_DIMENSIONS, METRIC_NAMESPACE } from "../../shared/contract/service.ts";

/** One of METRICS, as the functions write it for a cluster of a service, or for the service. */
export function lifeboatMetric(
  service: string,
  cluster: string | undefined,
  metricName: string,
  statistic: string,
  period: Duration,
  label?: string,
): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { [METRIC_DIMENSIONS.service]: service, ...(cluster === undefined ? {} : { [METRIC_DIMENSIONS.cluster]: cluster }) },
    statistic,
    period,
    ...(label === undefined ? {} : { label }),
  });
}
