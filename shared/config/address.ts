/** Whether `url` is the address of a service, without credentials: it is printed, and secrets have places of their own. */
export function isAddress({ protocol, username, password }: URL): boolean {
  return ["http:", "https:"].includes(protocol) && username === "" && password === "";
}
