// Browsers are served the apps' static files as one tree. Node is told where in that tree a module of another app lies.

import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

const IN_AN_APP = /^(.*\/)[a-z]+\/static\/([a-z]+)\/(.*)$/;

registerHooks({
  resolve(specifier, context, resolveOn) {
    if (!specifier.startsWith(".") || !context.parentURL?.startsWith("file:")) return resolveOn(specifier, context);
    const address = new URL(specifier, context.parentURL).href;
    const [, root, app, path] = IN_AN_APP.exec(address) ?? [];
    const served = root && `${root}${app}/static/${app}/${path}`;
    return resolveOn(served && existsSync(fileURLToPath(served)) ? served : address, context);
  },
});
