package simulator

// Names as they occur in Quảng Nam; the customers are made up.

var districts = [...]string{"Tam Kỳ", "Hội An", "Điện Bàn", "Núi Thành", "Thăng Bình", "Duy Xuyên", "Đại Lộc", "Quế Sơn",
	"Phú Ninh", "Tiên Phước", "Hiệp Đức", "Nông Sơn", "Bắc Trà My", "Nam Trà My", "Phước Sơn", "Nam Giang", "Đông Giang", "Tây Giang"}

var communes = [...]string{"An Mỹ", "An Sơn", "An Phú", "Hòa Hương", "Phước Hòa", "Tân Thạnh", "Trường Xuân", "Tam Thanh", "Tam Phú",
	"Tam Thăng", "Cẩm Châu", "Cẩm Nam", "Cẩm Hà", "Thanh Hà", "Tân An", "Sơn Phong", "Minh An", "Vĩnh Điện", "Điện Ngọc", "Điện Thắng",
	"Điện Phước", "Bình Nguyên", "Bình Tú", "Bình Minh", "Hà Lam", "Nam Phước", "Duy Trinh", "Duy Hải", "Ái Nghĩa", "Đại Hiệp",
	"Đại Quang", "Đông Phú", "Quế Xuân", "Quế Phú", "Tiên Kỳ", "Tiên Cảnh", "Tam Hiệp", "Tam Quang", "Tam Anh", "Thạnh Mỹ"}

func streetNames() []string {
	return []string{"Trần Phú", "Phan Châu Trinh", "Phan Bội Châu", "Hùng Vương", "Nguyễn Văn Trỗi", "Trần Cao Vân", "Huỳnh Thúc Kháng",
		"Lê Lợi", "Nguyễn Huệ", "Trưng Nữ Vương", "Nguyễn Du", "Nguyễn Thái Học", "Cửa Đại", "Lý Thường Kiệt", "Hai Bà Trưng",
		"Thái Phiên", "Tôn Đức Thắng", "Võ Nguyên Giáp", "Phạm Văn Đồng", "Điện Biên Phủ", "Bạch Đằng", "Ngô Quyền", "Lê Hồng Phong",
		"Trần Hưng Đạo", "Nguyễn Tất Thành", "Quang Trung", "Hoàng Diệu", "Lạc Long Quân", "Âu Cơ", "Mẹ Thứ"}
}

// personNames are family, middle and given names combined.
func personNames() []string {
	family := [...]string{"Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Đoàn", "Trương"}
	middle := [...]string{"Văn", "Thị", "Đức", "Hữu", "Quang", "Thanh", "Ngọc", "Minh"}
	given := [...]string{"An", "Bình", "Chi", "Cường", "Dung", "Dũng", "Giang", "Hà", "Hải", "Hạnh", "Hiền", "Hoa", "Hùng", "Hương", "Khánh",
		"Lan", "Linh", "Long", "Mai", "Nam", "Nga", "Phúc", "Phương", "Quân", "Sơn", "Tâm", "Thảo", "Thắng", "Trang", "Tuấn", "Vinh", "Yến"}
	names := make([]string, 0, len(family)*len(middle)*len(given))
	for _, f := range family {
		for _, m := range middle {
			for _, g := range given {
				names = append(names, f+" "+m+" "+g)
			}
		}
	}
	return names
}

var shopNames = [...]string{"Tạp hóa ", "Quán cơm ", "Tiệm may ", "Cà phê ", "Nhà thuốc ", "Cơ khí ", "Sửa xe ", "Khách sạn "}
