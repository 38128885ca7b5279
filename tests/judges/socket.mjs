// The client of graphql-ws on the socket, while the journey makes the events.
import { spawn } from 'node:child_process';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { ask, base, claim, data, journeyTalent, lines, operation, root, tokenOf, unitOf, verdict } from './portal.mjs';

const client = (token, more) =>
    createClient({
        url: `${base.replace(/^http/, 'ws')}/graphql/ws`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization: `Bearer ${token}` },
        ...more,
    });
/** All that an operation gives, and how it ended. */
function listen(client, query, variables) {
    const heard = [];
    const ended = new Promise((resolve) => {
        client.subscribe({ query, variables }, { next: (result) => heard.push(result), error: (error) => resolve({ error }), complete: () => resolve({}) });
    });
    return { heard, ended };
}
const queue = [operation('work-queue/work-queue-changed'), { unitId: unitOf('window') }];

let pongs = 0;
let officer;
const acknowledged = await new Promise((resolve) => {
    const on = { connected: () => resolve(true), closed: () => resolve(false), pong: (received) => (pongs += received) };
    officer = client(tokenOf('officer'), { lazy: false, keepAlive: 100, on });
});
claim('connection_init with a token is acknowledged', acknowledged, 'it was closed');

const asked = listen(officer, '{ today }');
const end = await asked.ended;
claim('a query gives one result and completes', !end.error && asked.heard.length === 1 && asked.heard[0].data.today, JSON.stringify([end, asked.heard]));

const changes = listen(officer, ...queue);
const journey = spawn('bash', ['docs/journey.sh', base, data, lines], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
claim('the journey goes its way', (await new Promise((resolve) => journey.on('close', resolve))) === 0, 'it failed');
const mine = await ask(await journeyTalent(), operation('my-applications/my-applications'), { first: 1 });
const told = changes.heard.filter((result) => result.data?.workQueueChanged.applicationId === mine.myApplications.nodes[0].id).length;
claim('workQueueChanged tells each mutation of a case in the queue: handed in, claimed, accepted', told >= 3, `${told} events`);
claim('a ping is answered by a pong', pongs > 0, 'none came');

const refused = await listen(officer, operation('my-applications/application-changed'), { id: 'case_00000000000000000000000000000000' }).ended;
claim('a subscription that is refused ends with GraphQL errors', Array.isArray(refused.error) && refused.error[0].extensions.code, JSON.stringify(refused));
officer.dispose();

const stranger = await listen(client('wrong'), ...queue).ended;
claim('a wrong token is closed with 4403', stranger.error?.code === 4403, `${stranger.error?.code}`);
verdict('socket (graphql-ws)', 7);
