// `shipper schema`: the JSON Schema of shipper.yaml, for editors.
import { EXIT } from '../exit-code.ts';
import type { Verb } from '../verb.ts';

export const schemaVerb: Verb = {
  name: 'schema',
  summary: 'print the JSON Schema of shipper.yaml',
  about: `Prints the JSON Schema (draft 7) of shipper.yaml. The package has it as schema/shipper.schema.json,
which a first line in the file tells editors:
# yaml-language-server: $schema=./node_modules/shipper/schema/shipper.schema.json`,
  args: [],
  options: [],
  examples: [['shipper schema >shipper.schema.json', 'for an editor without the package']],

  async run({ system, operations }) {
    await system.stdio.writeOut(await operations.configSchema());
    return EXIT.done;
  },
};
