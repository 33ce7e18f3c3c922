package main

// words are the labels of reports in one language.
type words map[string]string

func wordsIn(language string) words {
	out := words{}
	i := 0
	if language == "en" {
		i = 1
	}
	for key, both := range labels {
		out[key] = both[i]
	}
	return out
}

// labels by key: Vietnamese, English.
var labels = map[string][2]string{
	"reliability":  {"Báo cáo độ tin cậy cung cấp điện", "Reliability report"},
	"service":      {"Báo cáo chất lượng dịch vụ", "Service indicators"},
	"period":       {"Từ %s đến hết %s; quy định: %s (%s)", "From %s through %s; policy: %s (%s)"},
	"source":       {"Sổ mất điện bản %d, tính đến %s", "Ledger revision %d, as of %s"},
	"not served":   {"%d lần mất điện tại nơi không có khách hàng: không tính", "%d interruptions where no customer was: not counted"},
	"unlisted":     {"Nguyên nhân không có trong bảng của quy định: %s (%d)", "Cause that stands in no table of the policy: %s (%d)"},
	"provisional":  {"Có mất điện chưa kết thúc: số liệu tạm tính", "Some interruptions are still open: provisional"},
	"t_med":        {"T_MED %d: %.4f phút; %d ngày sự kiện lớn: %s", "T_MED %d: %.4f minutes; %d major event days: %s"},
	"no t_med":     {"Chưa có T_MED: cần lịch sử theo ngày của các năm trước", "No T_MED: daily history of the years before is needed"},
	"med few":      {"T_MED tạm tính: thiếu %d ngày trong lịch sử", "T_MED is provisional: %d days of history are missing"},
	"closed":       {"Kỳ đã chốt, bản %d, người chốt %s, %s", "Closed month, revision %d, by %s, %s"},
	"reason":       {"Lý do", "Reason"},
	"unit":         {"Đơn vị", "Unit"},
	"name":         {"Tên", "Name"},
	"month":        {"Tháng", "Month"},
	"line":         {"Loại", "Kind"},
	"customers":    {"Số khách hàng", "Customers"},
	"mi count":     {"Số lần thoáng qua", "Momentary outages"},
	"mi":           {"Lượt KH thoáng qua", "Momentary customers"},
	"count":        {"Số lần kéo dài", "Sustained outages"},
	"ci":           {"Lượt KH kéo dài", "Sustained customers"},
	"cmi":          {"Phút KH", "Customer minutes"},
	"plan":         {"Kế hoạch năm ", "Plan "},
	"cumulative":   {"Lũy kế ", "Cumulative "},
	"last year":    {"Cùng kỳ ", "Last year "},
	"fault":        {"Sự cố", "Fault"},
	"planned":      {"BTBD", "Planned"},
	"transmission": {"Lưới truyền tải", "Transmission"},
	"total":        {"Toàn phần", "Total"},
	"basis":        {"Cơ sở", "Basis"},
	"all":          {"Kể cả ngày sự kiện lớn", "With major event days"},
	"without":      {"Không kể ngày sự kiện lớn", "Without major event days"},
	"hours":        {" giờ", " h"},
	"faults":       {"Số sự cố", "Faults"},
	"in limit":     {"Khôi phục trong hạn", "Restored in time"},
	"late":         {"Khôi phục quá hạn", "Restored late"},
	"open":         {"Chưa khôi phục", "Open"},
	"share":        {"Tỷ lệ trong hạn, %", "In time, %"},
	"mean":         {"Thời gian khôi phục TB, phút", "Mean minutes to restore"},
	"cuts":         {"Số lần cắt theo kế hoạch", "Planned cuts"},
	"notice ok":    {"Báo trước đúng hạn", "Notice in time"},
	"notice late":  {"Báo trước trễ", "Notice late"},
	"notice none":  {"Không báo trước", "No notice"},
	"overruns":     {"Quá giờ kế hoạch", "Overruns"},
	"overrun":      {"Phút quá giờ", "Overrun minutes"},
	"emergencies":  {"Cắt khẩn cấp", "Emergency cuts"},
	"told in time": {"Thông báo đúng hạn ", "Told in time, "},
	"told late":    {"Thông báo trễ ", "Told late, "},
	"told not":     {"Chưa thông báo ", "Not told, "},
	"losses":       {"Báo cáo tổn thất điện năng", "Losses"},
	"from to":      {"Từ %s đến %s", "From %s until %s"},
	"received":     {"Điện nhận, kWh", "Received, kWh"},
	"delivered":    {"Điện giao, kWh", "Delivered, kWh"},
	"loss":         {"Tổn thất, kWh", "Losses, kWh"},
	"percent":      {"Tổn thất, %", "Losses, %"},
	"target":       {"Kế hoạch, %", "Target, %"},
	"complete":     {"Đủ số liệu giao, %", "Delivered known, %"},
	"complete in":  {"Đủ số liệu nhận, %", "Received known, %"},
	"flags":        {"Ghi chú", "Notes"},
}
