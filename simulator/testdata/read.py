"""Reads Modbus units with pymodbus and prints what it understands, one value a line.

    read.py tcp|rtu HOST PORT < requests        a request: unit function address count format

Format is a struct format for the registers' bytes (">q", ">f"), or "bits". An exception prints "exception N".
"""
import struct
import sys

from pymodbus.client import ModbusTcpClient


def rtu_framer():
    try:
        from pymodbus.framer.rtu_framer import ModbusRtuFramer  # 3.0
    except ImportError:
        try:
            from pymodbus.transaction import ModbusRtuFramer  # 3.1 to 3.6
        except ImportError:
            from pymodbus.framer import FramerType  # 3.7 on
            return FramerType.RTU
    return ModbusRtuFramer


framing, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = ModbusTcpClient(host, port=port, framer=rtu_framer()) if framing == "rtu" else ModbusTcpClient(host, port=port)
if not client.connect():
    sys.exit("no connection")
for line in sys.stdin:
    unit, function, address, count, form = line.split()
    read = {"1": client.read_coils, "2": client.read_discrete_inputs, "3": client.read_holding_registers, "4": client.read_input_registers}[function]
    try:
        reply = read(int(address), count=int(count), slave=int(unit))
    except TypeError:  # 3.10 on
        reply = read(int(address), count=int(count), device_id=int(unit))
    if reply.isError():
        print("exception", getattr(reply, "exception_code", reply))
    elif form == "bits":
        print("".join(str(int(b)) for b in reply.bits[: int(count)]))
    else:
        raw = struct.pack(">%dH" % len(reply.registers), *reply.registers)
        print(*struct.unpack(form, raw))
client.close()
