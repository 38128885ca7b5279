// GraphiQL against this portal: queries and mutations by POST /graphql, subscriptions over /graphql/ws.
// The token stands in the header editor; it is kept in memory only.
"use strict";

const socketAddress = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql/ws`;
const post = GraphiQL.createFetcher({ url: "/graphql", enableIncrementalDelivery: false });

function isSubscription(request, document) {
  const operations = (document?.definitions ?? []).filter((definition) => definition.kind === "OperationDefinition");
  const chosen = operations.find((operation) => operation.name?.value === request.operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

// A socket of its own for each subscription, since the headers may have changed since the last.
async function* subscribe(request, headers) {
  const client = graphqlWs.createClient({ url: socketAddress, connectionParams: headers, retryAttempts: 0 });
  try {
    yield* client.iterate(request);
  } finally {
    client.dispose();
  }
}

function fetcher(request, options) {
  if (isSubscription(request, options?.documentAST)) {
    return subscribe(request, options?.headers ?? {});
  }
  return post(request, options);
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher,
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: "headers",
    defaultHeaders: '{\n  "Authorization": "Bearer ",\n  "Accept-Language": "en"\n}\n',
    defaultQuery: "# Put the token of a session after \"Bearer\" in the headers below.\n# A query without one sees what anybody may see.\n\n{\n  __typename\n}\n",
  }),
);
