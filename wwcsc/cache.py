"""A cache that can be lost: with Redis gone, every read misses and every write does nothing."""

from typing import Any

import structlog
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def _or(nothing: Any) -> Any:
    def decorate(method: Any) -> Any:
        def open_on_failure(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except (RedisError, OSError) as error:
                log.warning("cache_unreachable", operation=method.__name__, error=type(error).__name__)
                default = kwargs.get("default", args[1] if len(args) > 1 else None)
                return default if nothing == "default" else nothing

        return open_on_failure

    return decorate


class FailOpenRedisCache(RedisCache):
    get = _or("default")(RedisCache.get)
    set = _or(None)(RedisCache.set)
    add = _or(True)(RedisCache.add)
    touch = _or(False)(RedisCache.touch)
    delete = _or(False)(RedisCache.delete)
    get_many = _or({})(RedisCache.get_many)
    set_many = _or([])(RedisCache.set_many)
    delete_many = _or(None)(RedisCache.delete_many)
    has_key = _or(False)(RedisCache.has_key)
    incr = _or(1)(RedisCache.incr)
    clear = _or(False)(RedisCache.clear)
