"""A small MCP server: it remembers what it was asked, and can fail in every way."""

import os
import sys
import time

from mcp.server.mcpserver import MCPServer

server = MCPServer("weather")
asked: list[str] = []


@server.tool()
def weather(city: str, state: str = "any") -> str:
    """The weather of a city."""
    asked.append(city)
    return f"{city} ({state}): sunny, asked {len(asked)} times"


@server.tool(name="check.key")
def check_key() -> str:
    """Whether there is a key."""
    return os.environ.get("WEATHER_KEY", "none")


@server.tool()
def picture(city: str) -> list[dict[str, str]]:
    """Data on a city."""
    return [{"city": city}]


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("no luck")


@server.tool()
def crash() -> str:
    """Takes the server down."""
    os._exit(3)


@server.tool()
def sleep(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return "awake"


if "--broken" in sys.argv:
    sys.exit("there is no weather today")
if "--silent" in sys.argv:
    time.sleep(60)
server.run()
