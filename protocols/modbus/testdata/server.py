"""A Modbus server by other people (pymodbus, Debian's python3-pymodbus), for tests of ours.

server.py tcp|rtutcp PORT < registers.json   serves {"1": {"3": {"40000": 21365, ...}, "2": {...}}, ...}:
unit, function code, address, value. It prints "ready" once it listens.
"""
import asyncio, json, sys
from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext, ModbusSparseDataBlock
from pymodbus.server.async_io import ModbusTcpServer
from pymodbus.transaction import ModbusRtuFramer, ModbusSocketFramer


def block(values):
    if not values:
        return ModbusSequentialDataBlock(0, [0])
    return ModbusSparseDataBlock({int(a): v for a, v in values.items()})


async def main():
    units = json.load(sys.stdin)
    slaves = {int(unit): ModbusSlaveContext(co=block(f.get("1")), di=block(f.get("2")), hr=block(f.get("3")), ir=block(f.get("4")), zero_mode=True)
              for unit, f in units.items()}
    framer = ModbusRtuFramer if sys.argv[1] == "rtutcp" else ModbusSocketFramer
    server = ModbusTcpServer(ModbusServerContext(slaves=slaves, single=False), framer=framer, address=("127.0.0.1", int(sys.argv[2])))
    serving = asyncio.ensure_future(server.serve_forever())
    await server.serving
    print("ready", flush=True)
    await serving


asyncio.run(main())
