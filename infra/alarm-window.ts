/** How an alarm looks back over a span of time. */
export interface AlarmWindow {
  readonly periodSeconds: number;
  readonly periods: number;
}

const DAY_MS = 86_400_000;

/**
 * Periods of five minutes or an hour that cover `ms`; undefined where CloudWatch looks back no further. It takes a day in periods below an hour, and seven days in
 * periods of an hour. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
 */
export function alarmWindow(ms: number): AlarmWindow | undefined {
  if (ms > 7 * DAY_MS) return undefined;
  const periodSeconds = ms > DAY_MS ? 3600 : 300;
  return { periodSeconds, periods: Math.ceil(ms / (periodSeconds * 1000)) };
}
