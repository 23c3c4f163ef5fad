import { suiteBehindOneName } from "./suites/behind-one-name.ts";

for (const version of ["3.5", "3.6", "3.7"] as const)
  for (const security of ["plain", "password"] as const)
    if (version !== "3.6" || security === "plain") suiteBehindOneName(version, security);
