// graphql-js reads the committed SDL, validates each stored operation, and compares what the server tells of itself.
import { readFileSync, readdirSync } from 'node:fs';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, parse, printSchema, validate, validateSchema } from 'graphql';
import { ask, claim, operation, root, verdict } from './portal.mjs';

const schema = buildSchema(readFileSync(new URL('schema/schema.graphql', root), 'utf8'));
const faults = validateSchema(schema);
claim('schema/schema.graphql is a valid schema', faults.length === 0, faults.join('; '));

const folder = new URL('schema/operations/', root);
const groups = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
const names = groups.flatMap((group) => readdirSync(new URL(`${group}/`, folder)).map((file) => `${group}/${file.replace(/\.graphql$/, '')}`));
for (const name of names) {
    const found = validate(schema, parse(operation(name)));
    claim(`${name} is valid`, found.length === 0, found.join('; '));
}
claim('there are operations', names.length >= 60, names.length);

const told = await ask(null, getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true, directiveIsRepeatable: true, oneOf: true }));
const lines = (of) => printSchema(lexicographicSortSchema(of)).split('\n');
const [committed, served] = [lines(schema), lines(buildClientSchema(told))];
const at = committed.findIndex((line, i) => line !== served[i]);
claim('introspection tells the committed schema', at < 0 && committed.length === served.length, `line ${at + 1}: "${committed[at]}" committed, "${served[at]}" served`);
verdict('schema (graphql)', names.length + 3);
