// jose verifies what the portal signs: the token of a card, the status list that it names, and the documents of a case.
import { webcrypto } from 'node:crypto';
import { inflateSync } from 'node:zlib';
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

// The list as an offline counter reads it: fetched from where the token says, zlib by Node.js, two bits a place.
const { payload: shown } = await jwtVerify(token, keys);
const { idx, uri } = shown.status.status_list;
const answer = await fetch(uri);
const list = await answer.text();
claim('status list: served as a token status list, for a short time', answer.headers.get('content-type') === 'application/statuslist+jwt' && answer.headers.get('cache-control') === 'public, max-age=60', [...answer.headers].join());
const { payload: told } = await jwtVerify(list, keys, { typ: 'statuslist+jwt', algorithms: ['EdDSA'], subject: uri });
claim('status list: verifies, and lives for a day', told.exp - told.iat === 86400 && told.ttl === 60 && told.status_list.bits === 2, JSON.stringify(told).slice(0, 300));
const packed = Buffer.from(told.status_list.lst, 'base64url');
const places = inflateSync(packed);
claim('status list: the card of the journey is valid', places.length === 262144 && ((places[idx >> 2] >> ((idx & 3) * 2)) & 3) === 0, `${places.length} bytes, place ${idx}`);
const truncated = (() => { try { return inflateSync(packed.subarray(0, packed.length / 2)).length; } catch (error) { return error.code; } })();
claim('status list: cut short it does not unpack', truncated === 'Z_BUF_ERROR', truncated);
const [head, body, signature] = list.split('.');
const otherSignature = `${head}.${body}.${(signature[0] === 'A' ? 'B' : 'A') + signature.slice(1)}`;
const refusals = [await fails(jwtVerify(otherSignature, keys)), await fails(jwtVerify(list, other)), await fails(jwtVerify(list, keys, { currentDate: new Date((told.exp + 1) * 1000) }))];
claim('status list: another signature, another key and an age of a day are refused', refusals.join() === 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED,ERR_JWS_SIGNATURE_VERIFICATION_FAILED,ERR_JWT_EXPIRED', refusals.join());

const [{ id }] = (await ask(talent, operation('my-applications/my-applications'), { first: 1 })).myApplications.nodes;
const { documents } = (await ask(talent, operation('my-applications/my-application'), { id })).application;
for (const document of documents) await judge(document.kind, document.jws, (read) => read.number === document.number);
claim('receipt, acceptance and decision were judged', ['RECEIPT', 'ACCEPTANCE', 'DECISION'].every((kind) => documents.some((document) => document.kind === kind)), documents.map(({ kind }) => kind));
verdict('card (jose)', 3 + 1 + 5 + 9 + 1);
