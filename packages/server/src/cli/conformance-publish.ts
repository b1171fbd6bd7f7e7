// `hayate conformance publish`: runs every scenario of the contract against a broadcaster under
// test.
import { defineCommand } from './command.ts';
import { conformanceFlags, runConformance } from './conformance.ts';

export const conformancePublish = defineCommand({
  name: 'conformance publish',
  summary: 'test your own broadcaster against the contract, rule by rule',
  details: 'The rules are in spec/behaviour.md; docs/client/conformance.md describes the requirements for a client.',
  flags: conformanceFlags,
  run: (args, io) => runConformance('publish', args, io),
});
