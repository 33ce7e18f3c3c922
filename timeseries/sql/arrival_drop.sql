DELETE FROM arrival WHERE hour < $1
