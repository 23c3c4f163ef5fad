/** What others have to know of drills, which are in a stack of their own: they name its alarms, and import nothing. */

/** Its alarms: of whatever drills, and where a function does, of that. Their names are no cluster's alarms', whatever it is called. */
export function drillAlarmNames(serviceName: string, hasFunction: boolean): readonly string[] {
  return [`${serviceName}-drill-not-passed`, ...(hasFunction ? [`${serviceName}-drill-errors`] : [])];
}
