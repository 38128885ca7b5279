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
DOCUMENT_MISMATCH = The number is not that of the document.
DOCUMENT_TAKEN = The number was verified for another person already.
DOCUMENT_VERIFIED = The document is verified and is not changed any more.
DOCUMENT_EXPIRED = The document has expired.
NAME_MISMATCH = The name on the document is not that of this person.
MERGE_IMPOSSIBLE = The two records cannot be merged.
FORM_INVALID = { $keyword ->
    [required] This must be answered.
    [additionalProperties] The form has no such question.
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
ALREADY_ACCEPTED = The case counts as accepted; nothing more can be asked for.
CLAIMED_BY_ANOTHER = Another officer has claimed it.
NOT_CLAIMED = Claim it first.
ALREADY_CLAIMED = You have claimed it already.
SAME_PERSON = Who did an earlier step may not do this one.
OWN_CASE = Nobody handles her own case.
REASON_REQUIRED = Give a reason.
MANDATE_INVALID = The mandate does not exist, has ended or does not cover this.
UPLOAD_INVALID = The upload is unknown, complete or expired.
MEDIA_TYPE_NOT_ALLOWED = This type of file is not accepted.
FILE_TOO_LARGE = The file is too large.
DIGEST_MISMATCH = The bytes of the file do not have the SHA-256 that was declared.
UPLOAD_OFFSET_MISMATCH = The bytes do not begin where the upload stands; ask how far it has come.
UPLOAD_QUOTA_EXCEEDED = Too many uploads are open, or too many bytes wait to be handed in.
SCAN_PENDING = The file is still being checked for viruses; try again soon.
FILE_INFECTED = Something harmful was found in the file; it cannot be used.
CARD_EXISTS = There is a card of this kind already.
CARD_NOT_ACTIVE = The card is not in force.
CARD_TOKEN_INVALID = The card code is not genuine.
CARD_TOKEN_EXPIRED = The card code has expired. Show a new one.
CARD_TOKEN_SPENT = The card code was used. Show a new one.
PURPOSE_NOT_ALLOWED = This counter may not check cards for this purpose.
CHECK_EXPIRED = The check is too old. Check the card again.
BENEFIT_NOT_GRANTED = The card does not give this benefit.
QUOTA_EXHAUSTED = Nothing is left of this benefit this year.
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
DOCUMENT_INVALID = The GraphQL document is not valid.
DOCUMENT_TOO_COMPLEX = The GraphQL document exceeds a bound.
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
