// The audits of GraphQL over HTTP that graphql-http brings.
import { serverAudits } from 'graphql-http';
import { base, claim, verdict } from './portal.mjs';

// What is known not to pass, each with its reason. One that passes after all is told, too.
const extensions = '`extensions` of a request mean nothing here and are not read, whatever they are';
const known = { '58B0': extensions, '58B1': extensions, '58B2': extensions, '58B3': extensions };

const audits = serverAudits({ url: `${base}/graphql` });
for (const audit of audits) {
    const { status, reason } = await audit.fn();
    const why = known[audit.id];
    if (why) claim(`${audit.id} ${audit.name}: not so, since ${why}`, status !== 'ok', 'it passes; strike it from the list');
    else claim(`${audit.id} ${audit.name}`, status === 'ok', reason);
}
verdict('http (graphql-http)', 61);
