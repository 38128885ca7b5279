// jose verifies what the portal signs: the token of a card and the documents of a case.
import { webcrypto } from 'node:crypto';
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, generateKeyPair, jwtVerify } from 'jose';
import { ask, base, claim, journeyTalent, operation, verdict } from './portal.mjs';

// Node.js 18 does not set it.
globalThis.crypto ??= webcrypto;

const published = new URL(`${base}/.well-known/jwks.json`);
const { keys: listed } = await (await fetch(published)).json();
const keys = createRemoteJWKSet(published);
const { publicKey: other } = await generateKeyPair('EdDSA');
const fails = (promise) => promise.then(() => '', (error) => error.code);

async function judge(what, jws, claims) {
    const { alg, kid, typ } = decodeProtectedHeader(jws);
    claim(`${what}: alg EdDSA, a kid of the published keys, a typ of its own`, alg === 'EdDSA' && listed.some((key) => key.kid === kid && key.alg === alg) && /\+jws$/.test(typ), JSON.stringify({ alg, kid, typ }));
    const read = await compactVerify(jws, keys, { algorithms: ['EdDSA'] }).then(({ payload }) => JSON.parse(new TextDecoder().decode(payload)), (error) => error.code);
    claim(`${what}: verifies and says what the API says`, claims(read), JSON.stringify(read));
    const [header, body, signature] = jws.split('.');
    const flip = (text) => (text[0] === 'A' ? 'B' : 'A') + text.slice(1);
    const changed = [[header, body, flip(signature)], [header, `${body.slice(0, -4)}${flip(body.slice(-4))}`, signature]];
    const codes = await Promise.all([...changed.map((parts) => fails(compactVerify(parts.join('.'), keys))), fails(compactVerify(jws, other))]);
    claim(`${what}: a changed signature, a changed content and another key are refused`, codes.every((code) => code === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED'), codes.join());
}

const talent = await journeyTalent();
const [card] = (await ask(talent, operation('my-card/my-cards'))).myCards;
const { token, expiresAt } = (await ask(talent, operation('my-card/create-card-token'), { input: { cardId: card.id } })).createCardToken.cardToken;
await judge('card token', token, ({ sub, exp }) => sub === card.id && exp === Math.floor(Date.parse(expiresAt) / 1000));
const later = { currentDate: new Date(Date.parse(expiresAt) + 1000) };
claim('card token: good now, expired after its time', (await fails(jwtVerify(token, keys))) === '' && (await fails(jwtVerify(token, keys, later))) === 'ERR_JWT_EXPIRED');

const [{ id }] = (await ask(talent, operation('my-applications/my-applications'), { first: 1 })).myApplications.nodes;
const { documents } = (await ask(talent, operation('my-applications/my-application'), { id })).application;
for (const document of documents) await judge(document.kind, document.jws, (read) => read.number === document.number);
claim('receipt, acceptance and decision were judged', ['RECEIPT', 'ACCEPTANCE', 'DECISION'].every((kind) => documents.some((document) => document.kind === kind)), documents.map(({ kind }) => kind));
verdict('card (jose)', 3 + 1 + 9 + 1);
