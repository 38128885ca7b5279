# Messages by code. A code without a message here fails a test.
CONFLICT = 此内容已被他人修改，请刷新后重试。
IDEMPOTENCY_KEY_REUSED = 该幂等键已用于其他内容。
REQUIRED = 此项必填。
TOO_LONG = 内容过长。
TOO_SHORT = 内容过短。
TOO_MANY = 数量超出上限。
MALFORMED = 格式不正确。
NOT_ALLOWED = 不允许使用该值。
NOT_FOUND = 未找到相关内容。
ALREADY_EXISTS = 该内容已存在。
IN_FUTURE = 日期不得晚于今天。
TOO_EARLY = 日期过早。
PERIOD_REVERSED = 结束日期早于开始日期。
CHECK_DIGIT_WRONG = 号码校验位不正确。
CONTACT_MALFORMED = 请输入有效的电子邮箱或手机号码。
CODE_INVALID = 验证码错误或已失效。
SIGN_IN_FAILED = 账号或密码不正确。
REFRESH_INVALID = 登录已失效，请重新登录。
PASSWORD_WEAK = 密码过于简单，请使用更长且不常见的密码。
TOKEN_INVALID = 令牌无效或已使用。
ADMINISTRATORS_APART = 系统、安全、审计管理员须由三人分别担任。
OWN_GRANT = 不得为本人授权。
UNIT_MISPLACED = 机构层级不正确。
UNIT_IN_USE = 该单位还有未办结的办件，请先办结。
UNIT_CLOSED = 该单位已撤销。
DOCUMENT_MISMATCH = 证件号码不一致。
DOCUMENT_TAKEN = 该证件号码已由他人核验。
DOCUMENT_VERIFIED = 证件已核验，不能修改。
DOCUMENT_EXPIRED = 证件已过期。
NAME_MISMATCH = 证件上的姓名与此人不符。
MERGE_IMPOSSIBLE = 两份人员信息无法合并。
FORM_INVALID = { $keyword ->
    [required] 此项必填。
    [additionalProperties] 表单没有此项。
    [document] 所填文件不在本次提交的材料之中。
   *[other] 表单此项填写有误。
}
MATERIAL_MISSING = 缺少必交材料：{ $material }。
MATERIAL_UNUSABLE = { $named ->
    [yes] 材料“{ $material }”不可使用。
   *[no] 该材料不可使用。
}
NOT_OFFERED = 该事项目前不在此办理。
NOT_ELIGIBLE = { $applies ->
    [yes] 属于不予申请的情形：{ $rule }。
   *[no] 不符合申请条件：{ $rule }。
}
ASSURANCE_TOO_LOW = 账号认证等级不足，请先到窗口核验身份。
OPEN_CASE_EXISTS = 同一事项已有在办件。
CART_EMPTY = 申请清单为空。
WRONG_STATE = 当前状态下不能进行此操作。
WRONG_STEP = 办理环节已变化。
ALREADY_ACCEPTED = 已视为受理。
CLAIMED_BY_ANOTHER = 已由其他人员领办。
NOT_CLAIMED = 请先领办。
ALREADY_CLAIMED = 您已领办此件。
NOT_ENTITLED = 您没有办理此操作的岗位权限。
WAITS_OUTSIDE = 正等待窗口以外的单位或个人（例如用人单位）。
STEP_DUE = 尚有审查环节未完成。
ADVISED_AGAINST = 有审查环节建议不予批准；如仍予批准，请说明理由。
APPLICANT_NOT_VERIFIED = 申请人身份核验等级不足，批准前须由窗口核验（所需等级 { $needed }）。
SAME_PERSON = 前一环节的办理人员不得办理本环节。
OWN_CASE = 不得办理本人的申请。
REASON_REQUIRED = 请说明理由。
MANDATE_INVALID = 授权不存在、已结束或不包括此事项。
UPLOAD_INVALID = 上传链接无效、已完成或已过期。
MEDIA_TYPE_NOT_ALLOWED = 不接受该文件类型。
PREVIEW_UNAVAILABLE = 该文件没有预览。
FILE_TOO_LARGE = 文件过大。
DIGEST_MISMATCH = 文件内容与所声明的 SHA-256 不符。
UPLOAD_OFFSET_MISMATCH = 所发送的字节与上传进度不衔接，请先查询进度。
UPLOAD_QUOTA_EXCEEDED = 未提交的上传过多或过大，请稍后再试。
SCAN_PENDING = 文件正在进行安全检查，请稍后再试。
FILE_INFECTED = 文件中发现恶意内容，不能使用。
CARD_EXISTS = 已持有同类有效卡。
CARD_NOT_ACTIVE = 该卡目前无效。
CARD_LOST = 该卡已挂失。
CARD_NOT_LOST = 该卡尚未挂失，请先办理挂失。
CARD_TOKEN_INVALID = 卡码无效。
CARD_TOKEN_EXPIRED = 卡码已过期，请重新出示。
CARD_TOKEN_SPENT = 卡码已使用，请重新出示。
STATUS_LIST_INVALID = 状态列表无效。
PURPOSE_NOT_ALLOWED = 本窗口不得以此用途核验。
CHECK_EXPIRED = 核验记录已过期，请重新核验。
BENEFIT_NOT_GRANTED = 该卡不含此项待遇。
QUOTA_EXHAUSTED = { $left ->
    [0] 本年度额度已用完。
   *[other] 本年度额度仅余 { $left }，不足本次所需。
}
RENEWAL_NOT_OPEN = 该卡可于{ $from }至{ $until }期间申请续期。
ALREADY_REVERSED = 该次使用记录已撤销。
REVERSAL_TOO_LATE = 已超过撤销该次使用记录的期限。
FULFILMENT_IMPOSSIBLE = 按现有资料无法核发结果，请检查合同期限等日期。
UNAUTHENTICATED = 请先登录。
FORBIDDEN = 您没有此权限。
FAULT_NOT_FOUND = 未找到相关内容。
BAD_REQUEST = 请求有误。
CURSOR_INVALID = 分页游标无效。
RATE_LIMITED = 操作过于频繁，请稍后再试。
REAUTH_REQUIRED = 请重新登录后再试。
UNAVAILABLE = 服务暂不可用，请稍后再试。
INTERNAL = 系统内部错误。
# For what a counter checks a card.
CARD_CHECK_PURPOSE_VALIDITY = 人才卡是否有效
CARD_CHECK_PURPOSE_HOUSEHOLD_REGISTRATION = 户籍办理
CARD_CHECK_PURPOSE_STAY_AND_EXIT_ENTRY = 停居留和出入境
CARD_CHECK_PURPOSE_SCHOOL_ADMISSION = 子女入学
CARD_CHECK_PURPOSE_MEDICAL_INSURANCE = 医疗保险
CARD_CHECK_PURPOSE_MEDICAL_SERVICE = 医疗服务
CARD_CHECK_PURPOSE_SOCIAL_INSURANCE = 社会保险
CARD_CHECK_PURPOSE_HOUSING = 住房、公积金和贷款
CARD_CHECK_PURPOSE_TRANSPORT = 贵宾室或快速通道
CARD_CHECK_PURPOSE_VEHICLE = 购车和驾驶证
CARD_CHECK_PURPOSE_TITLE_REVIEW = 职称评审和职业资格
CARD_CHECK_PURPOSE_SPOUSE_EMPLOYMENT = 配偶就业
CARD_CHECK_PURPOSE_CUSTOMS = 海关
CARD_CHECK_PURPOSE_BUSINESS_AND_FINANCE = 工商、金融和注册
# Why a request was not run.
REASON_SYNTAX = 这段 GraphQL 文档有语法错误，请看所示的行和列。
REASON_OPERATION_MISSING = 文档中没有操作。
REASON_NAME_REPEATED = 同一名称出现了两次，或未命名的操作旁有其他操作。
REASON_UNKNOWN_FIELD = 类型 { $type } 没有这个字段。
REASON_UNKNOWN_ARGUMENT = { $name } 没有这个参数。
REASON_UNKNOWN_INPUT_FIELD = 输入类型 { $type } 没有这个字段。
REASON_UNKNOWN_TYPE = 没有这个类型。
REASON_UNKNOWN_FRAGMENT = 文档中没有这个片段。
REASON_UNKNOWN_DIRECTIVE = 没有这个指令。
REASON_DIRECTIVE_MISPLACED = 指令不能放在这里。
REASON_ARGUMENT_REQUIRED = 必须提供 { $name }。
REASON_WRONG_TYPE = 值不属于类型 { $type }。
REASON_SELECTION_REQUIRED = 请选择 { $name } 的字段，其类型为 { $type }。
REASON_SELECTION_FORBIDDEN = { $name } 的类型 { $type } 没有字段可选。
REASON_FIELDS_CONFLICT = 同名的两个字段不一致，请使用别名。
REASON_FRAGMENT_CYCLE = 片段引用了自己。
REASON_FRAGMENT_MISPLACED = 片段的类型在这里不可能出现。
REASON_FRAGMENT_UNUSED = 有片段没有被使用。
REASON_VARIABLE_UNDEFINED = 使用了未声明的变量。
REASON_VARIABLE_UNUSED = 有变量声明了但没有使用。
REASON_VARIABLE_MISPLACED = 变量的类型不合：{ $type }。
REASON_DOCUMENT_INVALID = 查询文档有误。
REASON_DOCUMENT_UNKNOWN = 没有这个 documentId 的已存操作。
REASON_DOCUMENT_TOO_LONG = 文档超过 32 KiB。
REASON_TOO_DEEP = 文档嵌套过深。
REASON_TOO_MANY_FIELDS = 文档的字段过多。
REASON_TOO_MANY_ALIASES = 文档的别名过多。
REASON_TOO_MANY_DIRECTIVES = 文档的指令过多。
REASON_TOO_COMPLEX = 请求的代价过高，请缩短列表或减少字段。
REASON_SCHEMA_TOO_MUCH = 一次只能查询一遍模式，且不能查得过多。
REASON_ANSWER_TOO_LONG = 回答超过 8 MiB。
REASON_REQUEST_MALFORMED = 请求不是 JSON 格式的 GraphQL 请求。
REASON_QUERY_MISSING = 请提供 query 或 documentId。
REASON_QUERY_AMBIGUOUS = query 和 documentId 只能提供一个。
REASON_VARIABLES_MALFORMED = variables 必须是 JSON 对象。
REASON_VARIABLE_REQUIRED = 缺少一个必须提供的变量。
REASON_CONTROL_CHARACTER = 文字中有不允许的控制字符。
REASON_OPERATION_UNKNOWN = 文档中没有这个名称的操作。
REASON_OPERATION_NAME_REQUIRED = 文档中有多个操作，请用 operationName 指明。
REASON_SUBSCRIPTION_ELSEWHERE = 订阅请使用 /graphql/ws。
REASON_ARGUMENT_INVALID = 请求有误。
REASON_ROUTE_UNKNOWN = 此路径没有提供服务。
REASON_METHOD_NOT_ALLOWED = 这里不接受此 HTTP 方法；GET 只能用于查询。
REASON_NOT_ACCEPTABLE = 无法提供 Accept 所要的类型。
REASON_MEDIA_TYPE_NOT_SUPPORTED = 请求体必须是 UTF-8 的 application/json。
REASON_BODY_TOO_LARGE = 请求体过大。
REASON_TIMEOUT = 超时，请重试。
REASON_ORIGIN_FOREIGN = 来自其他网站的页面不能使用。
REASON_TOO_MANY_SOCKETS = 此地址打开的连接过多，请稍后再试。
REASON_TOO_MANY_REQUESTS = 请求过于频繁，请稍后再试。
