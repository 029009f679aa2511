// Parses an AsyncAPI document with the project's own parser; exits 1 with each error and warning on a line.
import { fromFile, Parser } from '@asyncapi/parser';

const file = process.argv[2];
const { document, diagnostics } = await fromFile(new Parser(), file).parse();
const words = ['error', 'warning', 'information', 'hint'];
for (const each of diagnostics) {
  console.log(`${file}:${each.range.start.line + 1} ${words[each.severity]}: ${each.message} (${each.code})`);
}
if (!document || diagnostics.some((each) => each.severity < 2)) process.exit(1);
const channels = document.channels().all().map((each) => each.address());
console.log(`${file}: AsyncAPI ${document.version()}, channels ${channels.join(', ')}`);
