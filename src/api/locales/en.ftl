# Messages by code. A code without a message here fails a test.
CONFLICT = Somebody else has changed this meanwhile. Reload and try again.
IDEMPOTENCY_KEY_REUSED = This idempotency key was used before with other input.
REQUIRED = This is required.
TOO_LONG = This is too long.
TOO_SHORT = This is too short.
TOO_MANY = There are too many entries.
MALFORMED = The format is not right.
NOT_ALLOWED = This value is not allowed.
NOT_FOUND = It was not found.
ALREADY_EXISTS = It exists already.
IN_FUTURE = The date must not lie in the future.
TOO_EARLY = The date lies too far back.
PERIOD_REVERSED = The period ends before it begins.
CHECK_DIGIT_WRONG = The check digit of the number does not fit.
CONTACT_MALFORMED = Enter a valid e-mail address or mobile number.
CODE_INVALID = The code is wrong or has expired.
SIGN_IN_FAILED = The name or password is not right.
REFRESH_INVALID = The sign-in has ended. Sign in again.
PASSWORD_WEAK = The password is too easy to guess. Choose a longer, less common one.
TOKEN_INVALID = The token is not valid or was used.
ADMINISTRATORS_APART = The three administrators must be three people.
OWN_GRANT = Nobody gives a role to herself.
UNIT_MISPLACED = The unit cannot stand at this place of the tree.
UNIT_IN_USE = Open cases lie with this unit. Close them first.
UNIT_CLOSED = This unit is closed.
DOCUMENT_MISMATCH = The number is not that of the document.
DOCUMENT_TAKEN = The number was verified for another person already.
DOCUMENT_VERIFIED = The document is verified and is not changed any more.
DOCUMENT_EXPIRED = The document has expired.
NAME_MISMATCH = The name on the document is not that of this person.
MERGE_IMPOSSIBLE = The two records cannot be merged.
FORM_INVALID = { $keyword ->
    [required] This must be answered.
    [additionalProperties] The form has no such question.
    [document] The answer names no document that is handed in with it.
   *[other] This answer of the form does not fit.
}
MATERIAL_MISSING = A required document is missing: { $material }.
MATERIAL_UNUSABLE = { $named ->
    [yes] This document cannot be used: { $material }.
   *[no] This document cannot be used.
}
NOT_OFFERED = This service is not offered here or now.
NOT_ELIGIBLE = { $applies ->
    [yes] This excludes an application: { $rule }.
   *[no] A condition is not met: { $rule }.
}
ASSURANCE_TOO_LOW = The account is not verified enough. Have your identity checked at a window first.
OPEN_CASE_EXISTS = There is an open case of this service already.
CART_EMPTY = The cart is empty.
WRONG_STATE = This cannot be done in the present state.
WRONG_STEP = The case is at another step by now.
ALREADY_ACCEPTED = The case counts as accepted already.
CLAIMED_BY_ANOTHER = Another officer has claimed it.
NOT_CLAIMED = Claim it first.
ALREADY_CLAIMED = You have claimed it already.
NOT_ENTITLED = Your role does not allow this here.
WAITS_OUTSIDE = It waits for somebody outside, for example the employer.
STEP_DUE = A step of the review is still due.
ADVISED_AGAINST = A step of the review advised against approval; say why you approve all the same.
APPLICANT_NOT_VERIFIED = The applicant’s identity must be verified at a window before approval (level { $needed }).
SAME_PERSON = Who did an earlier step may not do this one.
OWN_CASE = Nobody handles her own case.
REASON_REQUIRED = Give a reason.
MANDATE_INVALID = The mandate does not exist, has ended or does not cover this.
UPLOAD_INVALID = The upload is unknown, complete or expired.
MEDIA_TYPE_NOT_ALLOWED = This type of file is not accepted.
PREVIEW_UNAVAILABLE = There is no preview of this file.
FILE_TOO_LARGE = The file is too large.
DIGEST_MISMATCH = The bytes of the file do not have the SHA-256 that was declared.
UPLOAD_OFFSET_MISMATCH = The bytes do not begin where the upload stands; ask how far it has come.
UPLOAD_QUOTA_EXCEEDED = Too many uploads are open, or too many bytes wait to be handed in.
SCAN_PENDING = The file is still being checked for viruses; try again soon.
FILE_INFECTED = Something harmful was found in the file; it cannot be used.
CARD_EXISTS = There is a card of this kind already.
CARD_NOT_ACTIVE = The card is not in force.
CARD_LOST = The card was reported lost.
CARD_NOT_LOST = The card was not reported lost. Report it first.
CARD_TOKEN_INVALID = The card code is not genuine.
CARD_TOKEN_EXPIRED = The card code has expired. Show a new one.
CARD_TOKEN_SPENT = The card code was used. Show a new one.
STATUS_LIST_INVALID = The status list is not genuine.
PURPOSE_NOT_ALLOWED = This counter may not check cards for this purpose.
CHECK_EXPIRED = The check is too old. Check the card again.
BENEFIT_NOT_GRANTED = The card does not give this benefit.
QUOTA_EXHAUSTED = { $left ->
    [0] Nothing is left of this benefit this year.
   *[other] Of this benefit { $left } are left this year, fewer than were asked for.
}
RENEWAL_NOT_OPEN = The card can be renewed from { $from } to { $until }.
ALREADY_REVERSED = The use was taken back already.
REVERSAL_TOO_LATE = The use can no longer be taken back here.
FULFILMENT_IMPOSSIBLE = With what was stated the result cannot be issued. Please check dates such as the end of the contract.
UNAUTHENTICATED = Sign in first.
FORBIDDEN = You may not do this.
FAULT_NOT_FOUND = It was not found.
BAD_REQUEST = The request does not make sense.
CURSOR_INVALID = The cursor is not of this list.
RATE_LIMITED = Too many tries. Wait a while.
REAUTH_REQUIRED = Sign in afresh and try again.
UNAVAILABLE = The service is not available. Try again later.
INTERNAL = Internal error.
# For what a counter checks a card.
CARD_CHECK_PURPOSE_VALIDITY = Whether the card is good
CARD_CHECK_PURPOSE_HOUSEHOLD_REGISTRATION = Household registration
CARD_CHECK_PURPOSE_STAY_AND_EXIT_ENTRY = Stay, residence, exit and entry
CARD_CHECK_PURPOSE_SCHOOL_ADMISSION = Admission of a child to a school
CARD_CHECK_PURPOSE_MEDICAL_INSURANCE = Medical insurance
CARD_CHECK_PURPOSE_MEDICAL_SERVICE = Treatment in a hospital
CARD_CHECK_PURPOSE_SOCIAL_INSURANCE = Social insurance
CARD_CHECK_PURPOSE_HOUSING = Housing, housing fund and loans
CARD_CHECK_PURPOSE_TRANSPORT = Lounge or fast lane
CARD_CHECK_PURPOSE_VEHICLE = Vehicle purchase and driving licence
CARD_CHECK_PURPOSE_TITLE_REVIEW = Professional titles and qualifications
CARD_CHECK_PURPOSE_SPOUSE_EMPLOYMENT = Employment of the spouse
CARD_CHECK_PURPOSE_CUSTOMS = Customs
CARD_CHECK_PURPOSE_BUSINESS_AND_FINANCE = Business, finance and registration
# Why a request was not run.
REASON_SYNTAX = The document has a syntax error at the place shown.
REASON_OPERATION_MISSING = The document holds no operation.
REASON_NAME_REPEATED = A name is used twice, or an unnamed operation stands beside others.
REASON_UNKNOWN_FIELD = The type { $type } has no such field.
REASON_UNKNOWN_ARGUMENT = { $name } takes no such argument.
REASON_UNKNOWN_INPUT_FIELD = The input type { $type } has no such field.
REASON_UNKNOWN_TYPE = There is no such type.
REASON_UNKNOWN_FRAGMENT = The document has no such fragment.
REASON_UNKNOWN_DIRECTIVE = There is no such directive.
REASON_DIRECTIVE_MISPLACED = The directive may not stand here.
REASON_ARGUMENT_REQUIRED = { $name } must be given.
REASON_WRONG_TYPE = The value is not of the type { $type }.
REASON_SELECTION_REQUIRED = Choose fields of { $name }, which is of the type { $type }.
REASON_SELECTION_FORBIDDEN = { $name } of the type { $type } has no fields to choose.
REASON_FIELDS_CONFLICT = Two fields of one name differ; use aliases.
REASON_FRAGMENT_CYCLE = A fragment spreads itself.
REASON_FRAGMENT_MISPLACED = The type of the fragment can never hold here.
REASON_FRAGMENT_UNUSED = A fragment is used nowhere.
REASON_VARIABLE_UNDEFINED = A variable is used that the operation does not declare.
REASON_VARIABLE_UNUSED = A variable is declared and not used.
REASON_VARIABLE_MISPLACED = The type of the variable does not fit: { $type }.
REASON_DOCUMENT_INVALID = The GraphQL document is not valid.
REASON_DOCUMENT_UNKNOWN = No stored operation has this documentId.
REASON_DOCUMENT_TOO_LONG = The document is longer than 32 KiB.
REASON_TOO_DEEP = The document is nested too deeply.
REASON_TOO_MANY_FIELDS = The document has too many fields.
REASON_TOO_MANY_ALIASES = The document has too many aliases.
REASON_TOO_MANY_DIRECTIVES = The document has too many directives.
REASON_TOO_COMPLEX = The request would cost too much; ask for shorter lists or fewer fields.
REASON_SCHEMA_TOO_MUCH = The schema may be asked for once in a request, and not for too much of it.
REASON_ANSWER_TOO_LONG = The answer is longer than 8 MiB.
REASON_REQUEST_MALFORMED = This is not a GraphQL request in JSON.
REASON_QUERY_MISSING = Give either query or documentId.
REASON_QUERY_AMBIGUOUS = Give only one of query and documentId.
REASON_VARIABLES_MALFORMED = variables must be a JSON object.
REASON_VARIABLE_REQUIRED = A variable that must be given is missing.
REASON_CONTROL_CHARACTER = A text holds a control character.
REASON_OPERATION_UNKNOWN = The document has no operation of this name.
REASON_OPERATION_NAME_REQUIRED = The document has several operations; choose one by operationName.
REASON_SUBSCRIPTION_ELSEWHERE = Subscriptions are served at /graphql/ws.
REASON_ARGUMENT_INVALID = The request does not make sense.
REASON_ROUTE_UNKNOWN = Nothing is served at this path.
REASON_METHOD_NOT_ALLOWED = This HTTP method is not served here; by GET only queries are.
REASON_NOT_ACCEPTABLE = None of the types of Accept can be given.
REASON_MEDIA_TYPE_NOT_SUPPORTED = The body must be application/json in UTF-8.
REASON_BODY_TOO_LARGE = The body of the request is too large.
REASON_TIMEOUT = It took too long. Try again.
REASON_ORIGIN_FOREIGN = A page of another origin may not do this.
REASON_TOO_MANY_SOCKETS = Too many sockets of this address are open. Wait a while.
REASON_TOO_MANY_REQUESTS = Too many requests come from this network or of this session. Wait a while.
