/**
 * `npm run build`: installs the packages that are missing, then builds what is stale: the native engine and dist/. So a fresh
 * clone needs no other command before `npx redtwin`.
 */
import { buildNative, buildTypeScript, installPackages, requireNode } from './prepare.mjs';

requireNode();
installPackages();
buildNative();
buildTypeScript();
