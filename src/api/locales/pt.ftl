# Messages by code. A code without a message here fails a test.
CONFLICT = Entretanto, outra pessoa alterou estes dados. Actualize e tente de novo.
IDEMPOTENCY_KEY_REUSED = Esta chave de idempotência já foi usada com outros dados.
REQUIRED = Este campo é obrigatório.
TOO_LONG = O texto é demasiado longo.
TOO_SHORT = O texto é demasiado curto.
TOO_MANY = Há demasiados elementos.
MALFORMED = O formato não é correcto.
NOT_ALLOWED = Este valor não é permitido.
NOT_FOUND = Não foi encontrado.
ALREADY_EXISTS = Já existe.
IN_FUTURE = A data não pode ser futura.
TOO_EARLY = A data é demasiado antiga.
PERIOD_REVERSED = O período termina antes de começar.
CHECK_DIGIT_WRONG = O dígito de controlo do número não está correcto.
CONTACT_MALFORMED = Indique um endereço electrónico ou telemóvel válido.
CODE_INVALID = O código está errado ou expirou.
SIGN_IN_FAILED = O nome ou a palavra-passe não estão correctos.
REFRESH_INVALID = A sessão terminou. Inicie sessão de novo.
PASSWORD_WEAK = A palavra-passe é demasiado fácil. Escolha outra mais longa e menos comum.
TOKEN_INVALID = O código de acesso não é válido ou já foi usado.
ADMINISTRATORS_APART = Os três administradores têm de ser três pessoas.
OWN_GRANT = Ninguém pode atribuir funções a si próprio.
UNIT_MISPLACED = A unidade não pode ficar neste nível.
UNIT_IN_USE = Há processos abertos nesta unidade. Conclua-os primeiro.
UNIT_CLOSED = Esta unidade está encerrada.
DOCUMENT_MISMATCH = O número não corresponde ao documento.
DOCUMENT_TAKEN = O número já foi confirmado para outra pessoa.
DOCUMENT_VERIFIED = O documento está confirmado e já não pode ser alterado.
DOCUMENT_EXPIRED = O documento caducou.
NAME_MISMATCH = O nome no documento não é o desta pessoa.
MERGE_IMPOSSIBLE = Não é possível juntar os dois registos.
FORM_INVALID = { $keyword ->
    [required] Esta resposta é obrigatória.
    [additionalProperties] O formulário não tem esta pergunta.
    [document] A resposta não indica um documento entregue com ela.
   *[other] Esta resposta do formulário não está correcta.
}
MATERIAL_MISSING = Falta um documento obrigatório: { $material }.
MATERIAL_UNUSABLE = { $named ->
    [yes] Este documento não pode ser usado: { $material }.
   *[no] Este documento não pode ser usado.
}
NOT_OFFERED = Este serviço não é prestado aqui ou de momento.
NOT_ELIGIBLE = { $applies ->
    [yes] Isto exclui o requerimento: { $rule }.
   *[no] Uma condição não está reunida: { $rule }.
}
ASSURANCE_TOO_LOW = A conta não tem verificação suficiente. Confirme primeiro a identidade num balcão.
OPEN_CASE_EXISTS = Já há um processo em curso deste serviço.
CART_EMPTY = O carrinho está vazio.
WRONG_STATE = Não é possível no estado actual.
WRONG_STEP = O processo está agora noutra fase.
ALREADY_ACCEPTED = O processo já se considera admitido.
CLAIMED_BY_ANOTHER = Já foi atribuído a outro funcionário.
NOT_CLAIMED = Atribua-o primeiro a si.
ALREADY_CLAIMED = Já o atribuiu a si.
NOT_ENTITLED = A sua função não o permite aqui.
WAITS_OUTSIDE = Aguarda alguém de fora, por exemplo o empregador.
STEP_DUE = Falta ainda uma fase da apreciação.
ADVISED_AGAINST = Uma fase da apreciação foi desfavorável; indique por que motivo aprova ainda assim.
APPLICANT_NOT_VERIFIED = A identidade do requerente tem de ser verificada num balcão antes da aprovação (nível { $needed }).
SAME_PERSON = Quem fez uma fase anterior não pode fazer esta.
OWN_CASE = Ninguém trata do seu próprio processo.
REASON_REQUIRED = Indique o motivo.
MANDATE_INVALID = O mandato não existe, terminou ou não abrange este assunto.
UPLOAD_INVALID = O carregamento não existe, terminou ou expirou.
MEDIA_TYPE_NOT_ALLOWED = Este tipo de ficheiro não é aceite.
PREVIEW_UNAVAILABLE = Não há pré-visualização deste ficheiro.
FILE_TOO_LARGE = O ficheiro é demasiado grande.
DIGEST_MISMATCH = O conteúdo do ficheiro não corresponde ao SHA-256 declarado.
UPLOAD_OFFSET_MISMATCH = Os bytes não começam onde o carregamento se encontra; consulte primeiro o progresso.
UPLOAD_QUOTA_EXCEEDED = Há demasiados carregamentos abertos ou por entregar.
SCAN_PENDING = O ficheiro ainda está a ser verificado; tente novamente em breve.
FILE_INFECTED = Foi encontrado conteúdo nocivo no ficheiro; não pode ser usado.
CARD_EXISTS = Já existe um cartão deste tipo.
CARD_NOT_ACTIVE = O cartão não está em vigor.
CARD_LOST = O cartão foi dado como perdido.
CARD_NOT_LOST = O cartão não foi dado como perdido. Comunique primeiro a perda.
CARD_TOKEN_INVALID = O código do cartão não é autêntico.
CARD_TOKEN_EXPIRED = O código do cartão expirou. Mostre um novo.
CARD_TOKEN_SPENT = O código do cartão já foi usado. Mostre um novo.
STATUS_LIST_INVALID = A lista de estados não é autêntica.
PURPOSE_NOT_ALLOWED = Este balcão não pode verificar cartões para este fim.
CHECK_EXPIRED = A verificação expirou. Verifique o cartão de novo.
BENEFIT_NOT_GRANTED = O cartão não confere este benefício.
QUOTA_EXHAUSTED = { $left ->
    [0] Este benefício está esgotado este ano.
   *[other] Deste benefício restam { $left } este ano, menos do que se pediu.
}
RENEWAL_NOT_OPEN = O cartão pode ser renovado de { $from } a { $until }.
ALREADY_REVERSED = A utilização já foi anulada.
REVERSAL_TOO_LATE = A utilização já não pode ser anulada aqui.
FULFILMENT_IMPOSSIBLE = Com os dados indicados não é possível emitir o resultado. Verifique as datas, como o fim do contrato.
UNAUTHENTICATED = Inicie sessão primeiro.
FORBIDDEN = Não tem permissão para isto.
FAULT_NOT_FOUND = Não foi encontrado.
BAD_REQUEST = O pedido não está correcto.
CURSOR_INVALID = O cursor não é desta lista.
RATE_LIMITED = Demasiadas tentativas. Aguarde um pouco.
REAUTH_REQUIRED = Inicie sessão de novo e repita.
UNAVAILABLE = O serviço não está disponível. Tente mais tarde.
INTERNAL = Erro interno.
# For what a counter checks a card.
CARD_CHECK_PURPOSE_VALIDITY = Se o cartão é válido
CARD_CHECK_PURPOSE_HOUSEHOLD_REGISTRATION = Registo de residência (hukou)
CARD_CHECK_PURPOSE_STAY_AND_EXIT_ENTRY = Permanência, residência, saída e entrada
CARD_CHECK_PURPOSE_SCHOOL_ADMISSION = Admissão escolar de um filho
CARD_CHECK_PURPOSE_MEDICAL_INSURANCE = Seguro médico
CARD_CHECK_PURPOSE_MEDICAL_SERVICE = Assistência hospitalar
CARD_CHECK_PURPOSE_SOCIAL_INSURANCE = Segurança social
CARD_CHECK_PURPOSE_HOUSING = Habitação, fundo de habitação e empréstimos
CARD_CHECK_PURPOSE_TRANSPORT = Sala de espera ou via rápida
CARD_CHECK_PURPOSE_VEHICLE = Compra de veículo e carta de condução
CARD_CHECK_PURPOSE_TITLE_REVIEW = Títulos profissionais e qualificações
CARD_CHECK_PURPOSE_SPOUSE_EMPLOYMENT = Emprego do cônjuge
CARD_CHECK_PURPOSE_CUSTOMS = Alfândega
CARD_CHECK_PURPOSE_BUSINESS_AND_FINANCE = Negócios, finanças e registo
# Why a request was not run.
REASON_SYNTAX = O documento tem um erro de sintaxe no lugar indicado.
REASON_OPERATION_MISSING = O documento não tem nenhuma operação.
REASON_NAME_REPEATED = Um nome é usado duas vezes, ou uma operação sem nome está ao lado de outras.
REASON_UNKNOWN_FIELD = O tipo { $type } não tem este campo.
REASON_UNKNOWN_ARGUMENT = { $name } não tem este argumento.
REASON_UNKNOWN_INPUT_FIELD = O tipo de entrada { $type } não tem este campo.
REASON_UNKNOWN_TYPE = Este tipo não existe.
REASON_UNKNOWN_FRAGMENT = O documento não tem este fragmento.
REASON_UNKNOWN_DIRECTIVE = Esta directiva não existe.
REASON_DIRECTIVE_MISPLACED = A directiva não pode estar aqui.
REASON_ARGUMENT_REQUIRED = { $name } tem de ser indicado.
REASON_WRONG_TYPE = O valor não é do tipo { $type }.
REASON_SELECTION_REQUIRED = Escolha campos de { $name }, que é do tipo { $type }.
REASON_SELECTION_FORBIDDEN = { $name }, do tipo { $type }, não tem campos para escolher.
REASON_FIELDS_CONFLICT = Dois campos com o mesmo nome são diferentes; use pseudónimos.
REASON_FRAGMENT_CYCLE = Um fragmento inclui-se a si próprio.
REASON_FRAGMENT_MISPLACED = O tipo do fragmento nunca pode ocorrer aqui.
REASON_FRAGMENT_UNUSED = Um fragmento não é usado.
REASON_VARIABLE_UNDEFINED = É usada uma variável que a operação não declara.
REASON_VARIABLE_UNUSED = Uma variável foi declarada e não é usada.
REASON_VARIABLE_MISPLACED = O tipo da variável não serve: { $type }.
REASON_DOCUMENT_INVALID = O documento GraphQL não é válido.
REASON_DOCUMENT_UNKNOWN = Nenhuma operação guardada tem este documentId.
REASON_DOCUMENT_TOO_LONG = O documento tem mais de 32 KiB.
REASON_TOO_DEEP = O documento está aninhado em demasia.
REASON_TOO_MANY_FIELDS = O documento tem demasiados campos.
REASON_TOO_MANY_ALIASES = O documento tem demasiados pseudónimos.
REASON_TOO_MANY_DIRECTIVES = O documento tem demasiadas directivas.
REASON_TOO_COMPLEX = O pedido custaria demasiado; peça listas mais curtas ou menos campos.
REASON_SCHEMA_TOO_MUCH = O esquema só pode ser pedido uma vez por pedido, e não em demasia.
REASON_ANSWER_TOO_LONG = A resposta tem mais de 8 MiB.
REASON_REQUEST_MALFORMED = Isto não é um pedido GraphQL em JSON.
REASON_QUERY_MISSING = Indique query ou documentId.
REASON_QUERY_AMBIGUOUS = Indique só um de query e documentId.
REASON_VARIABLES_MALFORMED = variables tem de ser um objecto JSON.
REASON_VARIABLE_REQUIRED = Falta uma variável obrigatória.
REASON_CONTROL_CHARACTER = Um texto contém um carácter de controlo.
REASON_OPERATION_UNKNOWN = O documento não tem nenhuma operação com este nome.
REASON_OPERATION_NAME_REQUIRED = O documento tem várias operações; escolha uma com operationName.
REASON_SUBSCRIPTION_ELSEWHERE = As subscrições são servidas em /graphql/ws.
REASON_ARGUMENT_INVALID = O pedido não está correcto.
REASON_ROUTE_UNKNOWN = Nada é servido neste caminho.
REASON_METHOD_NOT_ALLOWED = Este método HTTP não é servido aqui; por GET só consultas.
REASON_NOT_ACCEPTABLE = Nenhum dos tipos de Accept pode ser dado.
REASON_MEDIA_TYPE_NOT_SUPPORTED = O corpo tem de ser application/json em UTF-8.
REASON_BODY_TOO_LARGE = O corpo do pedido é demasiado grande.
REASON_TIMEOUT = Demorou demasiado. Tente de novo.
REASON_ORIGIN_FOREIGN = Uma página de outra origem não pode fazer isto.
REASON_TOO_MANY_SOCKETS = Há demasiadas ligações abertas deste endereço. Aguarde um pouco.
REASON_TOO_MANY_REQUESTS = Há demasiados pedidos desta rede ou desta sessão. Aguarde um pouco.
