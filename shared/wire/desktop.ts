import { spawn } from "node:child_process";

/** The program that shows a file as the person's desktop would; undefined where there is none to be seen. */
function openerOn(platform: NodeJS.Platform, environment: Readonly<Record<string, string | undefined>>): string | undefined {
  if (platform === "darwin") return "open";
  const { DISPLAY = "", WAYLAND_DISPLAY = "" } = environment;
  return DISPLAY === "" && WAYLAND_DISPLAY === "" ? undefined : "xdg-open";
}

/** Shows `file` in whatever opens such files there, and waits for no window to close. False where there is no desktop, or nothing on it that opens files. */
export async function openOnDesktop(file: string, environment: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const opener = openerOn(process.platform, environment);
  if (opener === undefined) return false;
  const child = spawn(opener, [file], { env: environment, detached: true, stdio: "ignore" });
  return new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}
