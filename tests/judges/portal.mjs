// What the judges share: the address and the demo lines, an operation by its file, and the count of what was judged.
import { readFileSync } from 'node:fs';

export const [base, data, lines] = process.argv.slice(2);
export const root = new URL('../../', import.meta.url);
const printed = readFileSync(lines, 'utf8').split('\n').map((line) => line.trim().split(/\s+/));

/** Token of a demo person. */
export const tokenOf = (login) => printed.find((words) => words[0] === `${login}@demo.invalid`).at(-1);
/** Id of a demo unit. */
export const unitOf = (name) => printed.find((words) => words[0] === 'unit' && words[1] === name)[2];
/** The text of a stored operation. */
export const operation = (name) => readFileSync(new URL(`schema/operations/${name}.graphql`, root), 'utf8');

/** Sends a document; gives its data and throws where there is an error of any kind. */
export async function ask(token, query, variables = {}) {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await (await fetch(`${base}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })).json();
    const noes = Object.values(answer.data ?? {}).flatMap((field) => field?.userErrors ?? []);
    if (answer.errors || noes.length) throw new Error(JSON.stringify(answer));
    return answer.data;
}

/** Signs in as the talent of the journey; gives her token. */
export async function journeyTalent() {
    const input = { contact: process.env.JOURNEY_CONTACT, password: process.env.JOURNEY_PASSWORD };
    return (await ask(null, operation('sign-in/sign-in'), { input })).signIn.result.accessToken;
}

const judged = { yes: 0, no: 0 };
/** Prints one judgement; `detail` where it is no. */
export function claim(text, holds, detail = '') {
    judged[holds ? 'yes' : 'no'] += 1;
    console.log(`${holds ? '  ok  ' : '  NO  '}${text}${holds ? '' : `: ${detail}`}`);
}
/** Ends the judge: with 0 only if as many claims as were expected were judged and all hold. */
export function verdict(judge, expected) {
    const all = judged.yes + judged.no;
    console.log(`${judge}: ${all} judged, ${judged.no} refused`);
    if (all !== expected) console.log(`${judge}: ${expected} were to be judged`);
    process.exit(all === expected && judged.no === 0 ? 0 : 1);
}
