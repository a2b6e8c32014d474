-- What scripts see: the globals, the redis table, and the guard around them.
--
-- Redis patches its Lua so that tables can be read-only. This one is unpatched: what scripts see of a protected table
-- is an empty proxy whose metatable leads to the table behind. The functions that would look past a metatable (next,
-- rawget, rawset, table.insert...) are wrapped, so that no script ever holds the table behind.
--
--   _G (proxy) --__index--> globals --__index--> missing(): "nonexistent global variable"
--        |---- __newindex --> refuse(): "Attempt to modify a readonly table"
--
-- The argument holds the functions that are written in Rust; one that may fail answers true and results, or false and
-- the error. What is returned is for Rust again.
local native = ...
local error, getmetatable, load, loadstring, next, pairs = error, getmetatable, load, loadstring, next, pairs
local pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type, xpcall =
  pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type, xpcall
local byte, floor, tinsert, tremove, tsort, tsetn = string.byte, math.floor, table.insert, table.remove, table.sort, table.setn

-- Protection -----------------------------------------------------------------------------------------------------

local READONLY = 'Attempt to modify a readonly table'
-- From a proxy to the table behind it.
local behind = setmetatable({}, { __mode = 'k' })

local function refuse()
  error(READONLY, 2)
end

local function missing(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

local function protect(t)
  local proxy = setmetatable({}, { __index = t, __newindex = refuse })
  behind[proxy] = t
  return proxy
end

-- What scripts call is a C function around the Lua function: a tail call (return redis.call(...)) leaves the caller's
-- frame, and with it the line for the error, only when a C function is called. So levels are: 1 the Lua function, 2 the
-- C function around it, 3 the script.
local function expose(t, names)
  for _, name in pairs(names) do t[name] = native.around(t[name]) end
end

-- One level more: this function.
local function check_table(name, n, t)
  if type(t) ~= 'table' then
    local got = t == nil and n == 0 and 'no value' or type(t)
    error('bad argument #1 to \'' .. name .. '\' (table expected, got ' .. got .. ')', 4)
  end
end

local function check_writable(name, n, t)
  check_table(name, n, t)
  if behind[t] then error(READONLY, 0) end
end

-- Results of a Rust function, or its error with the script's line. Called as a tail call, which counts as a level.
local function results(ok, ...)
  if ok then return ... end
  error((...), 4)
end

local function wrapped(functions)
  local t = {}
  for name, f in pairs(functions) do
    t[name] = type(f) == 'function' and native.around(function(...) return results(f(...)) end) or f
  end
  return t
end

-- Globals --------------------------------------------------------------------------------------------------------

local globals = {}
for _, name in pairs {
  '_VERSION', 'assert', 'collectgarbage', 'error', 'gcinfo', 'ipairs', 'rawequal', 'select', 'tonumber', 'tostring',
  'type', 'unpack', 'xpcall',
} do
  globals[name] = _G[name]
end

function globals.rawset(...)
  local t = ...
  check_writable('rawset', select('#', ...), t)
  return rawset(...)
end

function globals.rawget(...)
  local t, k = ...
  check_table('rawget', select('#', ...), t)
  return rawget(behind[t] or t, k)
end

function globals.next(...)
  local t, k = ...
  check_table('next', select('#', ...), t)
  return next(behind[t] or t, k)
end

function globals.pairs(...)
  local t = ...
  check_table('pairs', select('#', ...), t)
  local real = behind[t]
  if not real then return next, t, nil end
  return function(_, k) return next(real, k) end, t, nil
end

function globals.setmetatable(...)
  local t, m = ...
  check_writable('setmetatable', select('#', ...), t)
  if m ~= nil and type(m) ~= 'table' or select('#', ...) < 2 then
    error("bad argument #2 to 'setmetatable' (nil or table expected)", 3)
  end
  return setmetatable(t, m)
end

-- A string.dump of a script's own making must not be run: the interpreter trusts what it holds. With a space before it
-- it is text, and an error of syntax.
function globals.loadstring(...)
  local code, name = ...
  if type(code) ~= 'string' then return loadstring(...) end
  return loadstring(byte(code, 1) == 27 and ' ' .. code or code, name or code)
end

function globals.load(f, name)
  if type(f) ~= 'function' then return load(f, name) end
  local first = true
  return load(function()
    local piece = f()
    if first and type(piece) == 'string' and piece ~= '' then
      first = false
      if byte(piece, 1) == 27 then return ' ' .. piece end
    end
    return piece
  end, name)
end

-- Errors that redis.call raised are tables; here they arrive as their text.
local function caught(ok, ...)
  if ok then return true, ... end
  local e = ...
  if type(e) == 'table' and not behind[e] then
    local text = e.err
    if type(text) == 'string' or type(text) == 'number' then return false, text end
  end
  return false, e
end

function globals.pcall(...)
  return caught(pcall(...))
end

expose(globals, { 'rawset', 'rawget', 'next', 'pairs', 'setmetatable', 'loadstring', 'load', 'pcall' })

-- Libraries ------------------------------------------------------------------------------------------------------

local function copy(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

local tables = copy(table)
function tables.insert(...)
  check_writable('insert', select('#', ...), (...))
  return tinsert(...)
end
function tables.remove(...)
  check_writable('remove', select('#', ...), (...))
  return tremove(...)
end
function tables.sort(...)
  check_writable('sort', select('#', ...), (...))
  return tsort(...)
end
function tables.setn(...)
  check_writable('setn', select('#', ...), (...))
  return tsetn(...)
end
function tables.foreach(...)
  local t, f = ...
  check_table('foreach', select('#', ...), t)
  for k, v in next, behind[t] or t do
    local r = f(k, v)
    if r ~= nil then return r end
  end
end

expose(tables, { 'insert', 'remove', 'sort', 'setn', 'foreach' })

-- The same numbers in every script, as in Redis.
local maths = copy(math)
function maths.random(...)
  local n, r = select('#', ...), native.random()
  if n == 0 then return r end
  local l, u = ...
  if n == 1 then l, u = 1, l end
  if n > 2 then error('wrong number of arguments', 3) end
  if type(l) ~= 'number' or type(u) ~= 'number' then error("bad argument to 'random' (number expected)", 3) end
  if l > u then error("bad argument #" .. n .. " to 'random' (interval is empty)", 3) end
  return floor(r * (u - l + 1)) + l
end
function maths.randomseed(seed)
  if type(seed) ~= 'number' then error("bad argument #1 to 'randomseed' (number expected)", 3) end
  native.seed(seed)
end
expose(maths, { 'random', 'randomseed' })

globals.table, globals.math = protect(tables), protect(maths)
globals.string, globals.coroutine = protect(copy(string)), protect(copy(coroutine))
for name, functions in pairs(native.libraries) do
  globals[name] = protect(wrapped(functions))
end

local string_meta = protect { __index = globals.string }
local globals_meta = protect { __index = missing }

-- redis ----------------------------------------------------------------------------------------------------------

local function raise(text)
  error({ err = 'ERR ' .. text }, 0)
end

-- Redis's form of an error: "CODE text", with ERR when there is but one word.
local function error_table(text)
  if byte(text, 1) == 45 then text = text:sub(2) end
  local code, rest = text:match('^(%S*) (.*)$')
  if not code then code, rest = 'ERR', text end
  return { err = code .. ' ' .. rest:gsub('^[\r\n]+', ''):gsub('[\r\n]+$', '') }
end

local redis = {
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2, REPL_ALL = 3,
  REDIS_VERSION = native.version, REDIS_VERSION_NUM = native.version_number,
}

function redis.call(...)
  local ok, value = native.call(...)
  if ok then return value end
  error(value, 0)
end

function redis.pcall(...)
  local _, value = native.call(...)
  return value
end

function redis.error_reply(...)
  local text = ...
  if select('#', ...) ~= 1 or type(text) ~= 'string' then return error_table 'ERR wrong number or type of arguments' end
  return error_table(text)
end

function redis.status_reply(...)
  local text = ...
  if select('#', ...) ~= 1 or type(text) ~= 'string' then return error_table 'ERR wrong number or type of arguments' end
  return { ok = text }
end

function redis.sha1hex(...)
  local text = ...
  if select('#', ...) ~= 1 then raise 'wrong number of arguments' end
  return native.sha1hex((type(text) == 'string' or type(text) == 'number') and tostring(text) or '')
end

function redis.log(...)
  local level = ...
  if select('#', ...) < 2 then raise 'redis.log() requires two arguments or more.' end
  level = tonumber(level)
  if not level then raise 'First argument must be a number (log level).' end
  if level < 0 or level > 3 then raise 'Invalid debug level.' end
end

function redis.setresp(...)
  local version = tonumber((...))
  if select('#', ...) ~= 1 then raise 'redis.setresp() requires one argument.' end
  if version ~= 2 and version ~= 3 then raise 'RESP version must be 2 or 3.' end
  native.setresp(version)
end

function redis.set_repl(...)
  local flags = tonumber((...))
  if select('#', ...) ~= 1 then raise 'redis.set_repl() requires two arguments.' end
  if type(flags) ~= 'number' or flags < 0 or flags > 3 then
    raise 'Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.'
  end
  native.set_repl(flags)
end

function redis.acl_check_cmd(...)
  local ok, value = native.acl_check_cmd(...)
  if ok then return value end
  error(value, 0)
end

expose(redis, { 'call', 'pcall', 'error_reply', 'status_reply', 'sha1hex', 'log', 'setresp', 'set_repl', 'acl_check_cmd' })

local for_eval = copy(redis)
function for_eval.replicate_commands() return true end
function for_eval.breakpoint() return false end
function for_eval.debug() end

function globals.getmetatable(...)
  local value = ...
  if type(value) == 'string' then return string_meta end
  local real = behind[value]
  if real then return rawget(real, '_G') and globals_meta or nil end
  return getmetatable(...)
end

local eval_globals = setmetatable(copy(globals), { __index = missing })
eval_globals.redis = protect(for_eval)
local eval_env = protect(eval_globals)
eval_globals._G = eval_env

local function_globals = setmetatable(copy(globals), { __index = missing })
function_globals.redis = protect(redis)
function_globals._G = protect(function_globals)

-- Function libraries ---------------------------------------------------------------------------------------------

-- The list that register_function adds to, while a library is loaded.
local registered

local ARGUMENT = ' argument given to redis.register_function must be a '

local function named_arguments(t)
  local name, callback, description, flags
  for key, value in next, behind[t] or t do
    if type(key) ~= 'string' and type(key) ~= 'number' then
      raise 'named argument key given to redis.register_function is not a string'
    elseif key == 'function_name' then
      if type(value) ~= 'string' and type(value) ~= 'number' then raise('function_name' .. ARGUMENT .. 'string') end
      name = tostring(value)
    elseif key == 'description' then
      if type(value) ~= 'string' and type(value) ~= 'number' then raise('description' .. ARGUMENT .. 'string') end
      description = tostring(value)
    elseif key == 'callback' then
      if type(value) ~= 'function' then raise('callback' .. ARGUMENT .. 'function') end
      callback = value
    elseif key == 'flags' then
      if type(value) ~= 'table' then
        raise 'flags argument to redis.register_function must be a table representing function flags'
      end
      flags = value
    else
      raise 'unknown argument given to redis.register_function'
    end
  end
  if not name then raise 'redis.register_function must get a function name argument' end
  if not callback then raise 'redis.register_function must get a callback argument' end
  return name, callback, description, flags
end

local function register_function(...)
  local n = select('#', ...)
  local name, callback, description, flags = ...
  if not registered then raise 'redis.register_function can only be called on FUNCTION LOAD command' end
  if n < 1 or n > 2 then raise 'wrong number of arguments to redis.register_function' end
  if n == 1 then
    if type(name) ~= 'table' then
      raise 'calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).'
    end
    name, callback, description, flags = named_arguments(name)
  else
    if type(name) ~= 'string' and type(name) ~= 'number' then
      raise 'first argument to redis.register_function must be a string'
    end
    if type(callback) ~= 'function' then raise 'second argument to redis.register_function must be a function' end
    name, description, flags = tostring(name), nil, nil
  end
  local wanted = {}
  if flags then
    for _, flag in ipairs(flags) do
      if type(flag) ~= 'string' or not native.flags[flag] then raise 'unknown flag given' end
      wanted[#wanted + 1] = flag
    end
  end
  if not name:match('^[%w_]+$') then
    raise 'Library names can only contain letters, numbers, or underscores(_) and must be at least one character long'
  end
  for _, other in ipairs(registered) do
    if other.name == name then raise 'Function already exists in the library' end
  end
  registered[#registered + 1] = { name = name, callback = callback, description = description, flags = wanted }
end

local loading = setmetatable({
  register_function = native.around(register_function), log = redis.log,
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  REDIS_VERSION = native.version, REDIS_VERSION_NUM = native.version_number,
}, { __index = missing })
local loading_redis = protect(loading)

-- Running --------------------------------------------------------------------------------------------------------

local function with_place(e)
  if type(e) ~= 'table' or behind[e] then e = { err = 'ERR ' .. tostring(e) } end
  local source, line = native.where()
  if source then
    rawset(e, 'source', source)
    rawset(e, 'line', line)
  end
  return e
end

return {
  eval_env = eval_env,
  -- The metatable of strings leads to the real table, which no script holds.
  eval = function(f, keys, argv)
    rawset(eval_globals, 'KEYS', keys)
    rawset(eval_globals, 'ARGV', argv)
    return xpcall(f, with_place)
  end,
  fcall = function(f, keys, argv)
    return xpcall(function() return f(keys, argv) end, with_place)
  end,
  library_env = function()
    local t = setmetatable({ redis = loading_redis }, { __index = missing })
    return protect(t), t
  end,
  -- Runs a library's code once; gives what it registered. Afterwards its functions see all of the API.
  load = function(code, t)
    registered = {}
    local ok, e = xpcall(code, with_place)
    local list = registered
    registered = nil
    t.redis = nil
    setmetatable(t, { __index = function_globals })
    if ok then return true, list end
    return false, e
  end,
}
