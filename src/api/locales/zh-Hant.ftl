# Messages by code. A code without a message here fails a test.
CONFLICT = 此內容已被他人修改，請重新整理後再試。
IDEMPOTENCY_KEY_REUSED = 該冪等鍵已用於其他內容。
REQUIRED = 此項必填。
TOO_LONG = 內容過長。
TOO_SHORT = 內容過短。
TOO_MANY = 數量超出上限。
MALFORMED = 格式不正確。
NOT_ALLOWED = 不允許使用該值。
NOT_FOUND = 找不到相關內容。
ALREADY_EXISTS = 該內容已存在。
IN_FUTURE = 日期不得晚於今天。
TOO_EARLY = 日期過早。
PERIOD_REVERSED = 結束日期早於開始日期。
CHECK_DIGIT_WRONG = 號碼校驗位不正確。
CONTACT_MALFORMED = 請輸入有效的電郵地址或流動電話號碼。
CODE_INVALID = 驗證碼錯誤或已失效。
SIGN_IN_FAILED = 帳號或密碼不正確。
REFRESH_INVALID = 登入已失效，請重新登入。
PASSWORD_WEAK = 密碼過於簡單，請使用更長且不常見的密碼。
TOKEN_INVALID = 權杖無效或已使用。
ADMINISTRATORS_APART = 系統、安全、審計管理員須由三人分別擔任。
OWN_GRANT = 不得為本人授權。
UNIT_MISPLACED = 機構層級不正確。
UNIT_IN_USE = 該單位還有未辦結的辦件，請先辦結。
UNIT_CLOSED = 該單位已撤銷。
DOCUMENT_MISMATCH = 證件號碼不一致。
DOCUMENT_TAKEN = 該證件號碼已由他人核驗。
DOCUMENT_VERIFIED = 證件已核驗，不能修改。
DOCUMENT_EXPIRED = 證件已過期。
NAME_MISMATCH = 證件上的姓名與此人不符。
MERGE_IMPOSSIBLE = 兩份人員資料無法合併。
FORM_INVALID = { $keyword ->
    [required] 此項必須填寫。
    [additionalProperties] 表格沒有此項。
    [document] 所填文件不在本次提交的文件之中。
   *[other] 表格此項填寫有誤。
}
MATERIAL_MISSING = 缺少必交文件：{ $material }。
MATERIAL_UNUSABLE = { $named ->
    [yes] 文件「{ $material }」不可使用。
   *[no] 該文件不可使用。
}
NOT_OFFERED = 該事項目前不在此辦理。
NOT_ELIGIBLE = { $applies ->
    [yes] 屬於不予申請的情形：{ $rule }。
   *[no] 不符合申請條件：{ $rule }。
}
ASSURANCE_TOO_LOW = 帳戶認證等級不足，請先到窗口核驗身份。
OPEN_CASE_EXISTS = 同一事項已有在辦個案。
CART_EMPTY = 申請清單為空。
WRONG_STATE = 目前狀態下不能進行此操作。
WRONG_STEP = 辦理環節已變更。
ALREADY_ACCEPTED = 已視為受理。
CLAIMED_BY_ANOTHER = 已由其他人員領辦。
NOT_CLAIMED = 請先領辦。
ALREADY_CLAIMED = 您已領辦此件。
NOT_ENTITLED = 您沒有辦理此操作的崗位權限。
WAITS_OUTSIDE = 正等待窗口以外的單位或個人（例如用人單位）。
STEP_DUE = 尚有審查環節未完成。
ADVISED_AGAINST = 有審查環節建議不予批准；如仍予批准，請說明理由。
APPLICANT_NOT_VERIFIED = 申請人身份核驗等級不足，批准前須由窗口核驗（所需等級 { $needed }）。
SAME_PERSON = 前一環節的辦理人員不得辦理本環節。
OWN_CASE = 不得辦理本人的申請。
REASON_REQUIRED = 請說明理由。
MANDATE_INVALID = 授權不存在、已結束或不包括此事項。
UPLOAD_INVALID = 上載連結無效、已完成或已過期。
MEDIA_TYPE_NOT_ALLOWED = 不接受該檔案類型。
PREVIEW_UNAVAILABLE = 該檔案沒有預覽。
FILE_TOO_LARGE = 檔案過大。
DIGEST_MISMATCH = 檔案內容與所聲明的 SHA-256 不符。
UPLOAD_OFFSET_MISMATCH = 所傳送的位元組與上載進度不銜接，請先查詢進度。
UPLOAD_QUOTA_EXCEEDED = 未提交的上載過多或過大，請稍後再試。
SCAN_PENDING = 檔案正在進行安全檢查，請稍後再試。
FILE_INFECTED = 檔案中發現惡意內容，不能使用。
CARD_EXISTS = 已持有同類有效卡。
CARD_NOT_ACTIVE = 該卡目前無效。
CARD_LOST = 該卡已掛失。
CARD_NOT_LOST = 該卡尚未掛失，請先辦理掛失。
CARD_TOKEN_INVALID = 卡碼無效。
CARD_TOKEN_EXPIRED = 卡碼已過期，請重新出示。
CARD_TOKEN_SPENT = 卡碼已使用，請重新出示。
STATUS_LIST_INVALID = 狀態清單無效。
PURPOSE_NOT_ALLOWED = 本窗口不得以此用途核驗。
CHECK_EXPIRED = 核驗記錄已過期，請重新核驗。
BENEFIT_NOT_GRANTED = 該卡不含此項待遇。
QUOTA_EXHAUSTED = { $left ->
    [0] 本年度額度已用完。
   *[other] 本年度額度僅餘 { $left }，不足本次所需。
}
RENEWAL_NOT_OPEN = 該卡可於{ $from }至{ $until }期間申請續期。
ALREADY_REVERSED = 該次使用記錄已撤銷。
REVERSAL_TOO_LATE = 已超過撤銷該次使用記錄的期限。
FULFILMENT_IMPOSSIBLE = 按現有資料無法核發結果，請檢查合約期限等日期。
UNAUTHENTICATED = 請先登入。
FORBIDDEN = 您沒有此權限。
FAULT_NOT_FOUND = 找不到相關內容。
BAD_REQUEST = 請求有誤。
CURSOR_INVALID = 分頁游標無效。
RATE_LIMITED = 操作過於頻繁，請稍後再試。
REAUTH_REQUIRED = 請重新登入後再試。
UNAVAILABLE = 服務暫不可用，請稍後再試。
INTERNAL = 系統內部錯誤。
# For what a counter checks a card.
CARD_CHECK_PURPOSE_VALIDITY = 人才卡是否有效
CARD_CHECK_PURPOSE_HOUSEHOLD_REGISTRATION = 戶籍辦理
CARD_CHECK_PURPOSE_STAY_AND_EXIT_ENTRY = 停居留和出入境
CARD_CHECK_PURPOSE_SCHOOL_ADMISSION = 子女入學
CARD_CHECK_PURPOSE_MEDICAL_INSURANCE = 醫療保險
CARD_CHECK_PURPOSE_MEDICAL_SERVICE = 醫療服務
CARD_CHECK_PURPOSE_SOCIAL_INSURANCE = 社會保險
CARD_CHECK_PURPOSE_HOUSING = 住房、公積金和貸款
CARD_CHECK_PURPOSE_TRANSPORT = 貴賓室或快速通道
CARD_CHECK_PURPOSE_VEHICLE = 購車和駕駛證
CARD_CHECK_PURPOSE_TITLE_REVIEW = 職稱評審和職業資格
CARD_CHECK_PURPOSE_SPOUSE_EMPLOYMENT = 配偶就業
CARD_CHECK_PURPOSE_CUSTOMS = 海關
CARD_CHECK_PURPOSE_BUSINESS_AND_FINANCE = 工商、金融和註冊
# Why a request was not run.
REASON_SYNTAX = 這段 GraphQL 文件有語法錯誤，請看所示的行和列。
REASON_OPERATION_MISSING = 文件中沒有操作。
REASON_NAME_REPEATED = 同一名稱出現了兩次，或未命名的操作旁有其他操作。
REASON_UNKNOWN_FIELD = 類型 { $type } 沒有這個欄位。
REASON_UNKNOWN_ARGUMENT = { $name } 沒有這個參數。
REASON_UNKNOWN_INPUT_FIELD = 輸入類型 { $type } 沒有這個欄位。
REASON_UNKNOWN_TYPE = 沒有這個類型。
REASON_UNKNOWN_FRAGMENT = 文件中沒有這個片段。
REASON_UNKNOWN_DIRECTIVE = 沒有這個指令。
REASON_DIRECTIVE_MISPLACED = 指令不能放在這裏。
REASON_ARGUMENT_REQUIRED = 必須提供 { $name }。
REASON_WRONG_TYPE = 值不屬於類型 { $type }。
REASON_SELECTION_REQUIRED = 請選擇 { $name } 的欄位，其類型為 { $type }。
REASON_SELECTION_FORBIDDEN = { $name } 的類型 { $type } 沒有欄位可選。
REASON_FIELDS_CONFLICT = 同名的兩個欄位不一致，請使用別名。
REASON_FRAGMENT_CYCLE = 片段引用了自己。
REASON_FRAGMENT_MISPLACED = 片段的類型在這裏不可能出現。
REASON_FRAGMENT_UNUSED = 有片段沒有被使用。
REASON_VARIABLE_UNDEFINED = 使用了未宣告的變數。
REASON_VARIABLE_UNUSED = 有變數宣告了但沒有使用。
REASON_VARIABLE_MISPLACED = 變數的類型不合：{ $type }。
REASON_DOCUMENT_INVALID = 查詢文件有誤。
REASON_DOCUMENT_UNKNOWN = 沒有這個 documentId 的已存操作。
REASON_DOCUMENT_TOO_LONG = 文件超過 32 KiB。
REASON_TOO_DEEP = 文件巢狀過深。
REASON_TOO_MANY_FIELDS = 文件的欄位過多。
REASON_TOO_MANY_ALIASES = 文件的別名過多。
REASON_TOO_MANY_DIRECTIVES = 文件的指令過多。
REASON_TOO_COMPLEX = 請求的代價過高，請縮短列表或減少欄位。
REASON_SCHEMA_TOO_MUCH = 一次只能查詢一遍結構描述，且不能查得過多。
REASON_ANSWER_TOO_LONG = 回答超過 8 MiB。
REASON_REQUEST_MALFORMED = 請求不是 JSON 格式的 GraphQL 請求。
REASON_QUERY_MISSING = 請提供 query 或 documentId。
REASON_QUERY_AMBIGUOUS = query 和 documentId 只能提供一個。
REASON_VARIABLES_MALFORMED = variables 必須是 JSON 物件。
REASON_VARIABLE_REQUIRED = 缺少一個必須提供的變數。
REASON_CONTROL_CHARACTER = 文字中有不允許的控制字元。
REASON_OPERATION_UNKNOWN = 文件中沒有這個名稱的操作。
REASON_OPERATION_NAME_REQUIRED = 文件中有多個操作，請用 operationName 指明。
REASON_SUBSCRIPTION_ELSEWHERE = 訂閱請使用 /graphql/ws。
REASON_ARGUMENT_INVALID = 請求有誤。
REASON_ROUTE_UNKNOWN = 此路徑沒有提供服務。
REASON_METHOD_NOT_ALLOWED = 這裏不接受此 HTTP 方法；GET 只能用於查詢。
REASON_NOT_ACCEPTABLE = 無法提供 Accept 所要的類型。
REASON_MEDIA_TYPE_NOT_SUPPORTED = 請求內容必須是 UTF-8 的 application/json。
REASON_BODY_TOO_LARGE = 請求內容過大。
REASON_TIMEOUT = 逾時，請重試。
REASON_ORIGIN_FOREIGN = 來自其他網站的頁面不能使用。
REASON_TOO_MANY_SOCKETS = 此地址開啟的連線過多，請稍後再試。
REASON_TOO_MANY_REQUESTS = 請求過於頻繁，請稍後再試。
