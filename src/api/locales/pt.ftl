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
DOCUMENT_MISMATCH = O número não corresponde ao documento.
DOCUMENT_TAKEN = O número já foi confirmado para outra pessoa.
DOCUMENT_VERIFIED = O documento está confirmado e já não pode ser alterado.
DOCUMENT_EXPIRED = O documento caducou.
NAME_MISMATCH = O nome no documento não é o desta pessoa.
MERGE_IMPOSSIBLE = Não é possível juntar os dois registos.
FORM_INVALID = { $keyword ->
    [required] Esta resposta é obrigatória.
    [additionalProperties] O formulário não tem esta pergunta.
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
ALREADY_ACCEPTED = O processo considera-se admitido; já não se pode pedir aperfeiçoamento.
CLAIMED_BY_ANOTHER = Já foi atribuído a outro funcionário.
NOT_CLAIMED = Atribua-o primeiro a si.
ALREADY_CLAIMED = Já o atribuiu a si.
SAME_PERSON = Quem fez uma fase anterior não pode fazer esta.
OWN_CASE = Ninguém trata do seu próprio processo.
REASON_REQUIRED = Indique o motivo.
MANDATE_INVALID = O mandato não existe, terminou ou não abrange este assunto.
UPLOAD_INVALID = O carregamento não existe, terminou ou expirou.
MEDIA_TYPE_NOT_ALLOWED = Este tipo de ficheiro não é aceite.
FILE_TOO_LARGE = O ficheiro é demasiado grande.
DIGEST_MISMATCH = O conteúdo do ficheiro não corresponde ao SHA-256 declarado.
UPLOAD_OFFSET_MISMATCH = Os bytes não começam onde o carregamento se encontra; consulte primeiro o progresso.
UPLOAD_QUOTA_EXCEEDED = Há demasiados carregamentos abertos ou por entregar.
SCAN_PENDING = O ficheiro ainda está a ser verificado; tente novamente em breve.
FILE_INFECTED = Foi encontrado conteúdo nocivo no ficheiro; não pode ser usado.
CARD_EXISTS = Já existe um cartão deste tipo.
CARD_NOT_ACTIVE = O cartão não está em vigor.
CARD_TOKEN_INVALID = O código do cartão não é autêntico.
CARD_TOKEN_EXPIRED = O código do cartão expirou. Mostre um novo.
CARD_TOKEN_SPENT = O código do cartão já foi usado. Mostre um novo.
PURPOSE_NOT_ALLOWED = Este balcão não pode verificar cartões para este fim.
CHECK_EXPIRED = A verificação expirou. Verifique o cartão de novo.
BENEFIT_NOT_GRANTED = O cartão não confere este benefício.
QUOTA_EXHAUSTED = Este benefício está esgotado este ano.
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
DOCUMENT_INVALID = O documento GraphQL não é válido.
DOCUMENT_TOO_COMPLEX = O documento GraphQL excede um limite.
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
