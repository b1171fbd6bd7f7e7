// `hayate conformance watch`: runs every scenario of the contract against a viewer under test.
import { defineCommand } from './command.ts';
import { conformanceFlags, runConformance } from './conformance.ts';

export const conformanceWatch = defineCommand({
  name: 'conformance watch',
  summary: 'test your own viewer against the contract, rule by rule',
  details: 'The rules are in spec/behaviour.md; docs/client/conformance.md describes the requirements for a client.',
  flags: conformanceFlags,
  run: (args, io) => runConformance('watch', args, io),
});
