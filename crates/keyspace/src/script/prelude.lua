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
local pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type, unpack, xpcall =
  pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type, unpack, xpcall
local byte, ceil, concat, floor, tinsert, tremove, tsort, tsetn = string.byte, math.ceil, table.concat, math.floor, table.insert, table.remove, table.sort, table.setn

-- Protection -----------------------------------------------------------------------------------------------------

local READONLY = 'Attempt to modify a readonly table'
-- From a proxy to the table behind it.
local behind = setmetatable({}, { __mode = 'k' })

local function refuse()
  error(READONLY, 2)
end

local function missing(...)
  local _, name = ...
  if select('#', ...) ~= 2 then error('Wrong number of arguments to luaProtectedTableError', 2) end
  if type(name) ~= 'string' and type(name) ~= 'number' then
    error('Second argument to luaProtectedTableError must be a string or number', 2)
  end
  error("Script attempted to access nonexistent global variable '" .. name .. "'", 2)
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

-- One of Lua's own functions that looks past metatables: its first argument may be a proxy. The table behind it is taken
-- instead; with `from` and `to`, so many arguments would change it, and are refused.
local function guard(f, from, to) return native.guard(f, behind, from or 1, to or 0) end

-- An argument is not what it must be. One level more: this function; and `deeper` ones, if it is not called by the
-- function that the script called.
local function bad_argument(position, name, expected, value, n, deeper)
  local got = n < position and 'no value' or type(value)
  local text = "bad argument #" .. position .. " to '" .. name .. "' (" .. expected .. ' expected, got ' .. got .. ')'
  error(text, 4 + (deeper or 0))
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
  'type',
} do
  globals[name] = _G[name]
end

globals.rawset = guard(rawset, 3, 255)
globals.rawget, globals.next = guard(rawget), guard(next)
globals.setmetatable = guard(setmetatable, 2, 255)
-- Rust has an eye on its range: Lua 5.1's own is deceived by one that is longer than an int.
globals.unpack = native.unpack(unpack, behind)

function globals.pairs(...)
  local t = ...
  if type(t) ~= 'table' then bad_argument(1, 'pairs', 'table', t, select('#', ...)) end
  local real = behind[t]
  if not real then return next, t, nil end
  return function(_, k) return next(real, k) end, t, nil
end

-- A string.dump of a script's own making must not be run: the interpreter trusts what it holds. With a space before it
-- it is text, and an error of syntax.
-- The name is cut where C's would end, so that it is a string which somebody holds while the parser uses it.
local function is_text(value) return type(value) == 'string' or type(value) == 'number' end
local function chunk_name(name) return (tostring(name):match('^[^%z]*')) end

function globals.loadstring(...)
  local code, name = ...
  if not is_text(code) then bad_argument(1, 'loadstring', 'string', code, select('#', ...)) end
  if name ~= nil and not is_text(name) then bad_argument(2, 'loadstring', 'string', name, 2) end
  local held = chunk_name(name or code)
  local f, e = loadstring(byte(code, 1) == 27 and ' ' .. code or code, held)
  return f, e
end

function globals.load(...)
  local f, name = ...
  if type(f) ~= 'function' then bad_argument(1, 'load', 'function', f, select('#', ...)) end
  if name ~= nil and not is_text(name) then bad_argument(2, 'load', 'string', name, 2) end
  local held, first = chunk_name(name or '=(load)'), true
  local chunk, e = load(function()
    local piece = f()
    if first and type(piece) == 'string' and piece ~= '' then
      first = false
      if byte(piece, 1) == 27 then return ' ' .. piece end
    end
    return piece
  end, held)
  return chunk, e
end

-- Errors that redis.call raised are tables; pcall gives them as their text.
local function caught(e)
  if type(e) == 'table' and not behind[e] then
    local text = e.err
    if type(text) == 'string' or type(text) == 'number' then return text end
  end
  return e
end

local function pcalled(ok, ...)
  if ok then return true, ... end
  return false, caught((...))
end

function globals.pcall(...)
  -- What Redis's own pcall says of a call without arguments.
  if select('#', ...) == 0 then return false, 'attempt to call a boolean value' end
  return pcalled(pcall(...))
end

-- The error that ends a killed script is raised inside a hook, and Lua calls no hook inside a hook: a handler that ran then
-- could never be stopped.
local function unless_killed(handler)
  if not native.killed or type(handler) ~= 'function' then return handler end
  return function(e)
    if native.killed() then return e end
    return handler(e)
  end
end

function globals.xpcall(...)
  local n = select('#', ...)
  if n < 2 then error("bad argument #2 to 'xpcall' (value expected)", 3) end
  local f, handler = ...
  return xpcall(f, unless_killed(handler))
end

function globals.__redis__err__handler(e)
  local source, line = native.where()
  if type(e) ~= 'table' then e = { err = 'ERR ' .. tostring(e) } end
  e.source, e.line = source, line
  return e
end

if native.apart then
  -- Where a stack of C cannot be left in the middle, what these call runs on a thread of its own, if it can: such a call
  -- knows nothing of the functions above, but for `caught` behind pcall.
  globals.pcall, globals.xpcall = native.apart(globals.pcall, false), native.apart(globals.xpcall, true)
  expose(globals, { 'pairs', 'loadstring', 'load', '__redis__err__handler' })
else
  expose(globals, { 'pairs', 'loadstring', 'load', 'pcall', 'xpcall', '__redis__err__handler' })
end

-- Libraries ------------------------------------------------------------------------------------------------------

local function copy(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

local tables = copy(table)
tables.insert = guard(tinsert, 2, 3)
-- Nothing that is protected has elements to sort or remove.
tables.remove, tables.sort, tables.setn = guard(tremove), guard(tsort), guard(tsetn)
for _, name in pairs { 'foreach', 'foreachi', 'concat', 'getn', 'maxn' } do tables[name] = guard(table[name]) end

-- A number as C makes an int of it: without its fraction, and within 32 bits.
local function wrapped_int(v) return (v + 2 ^ 31) % 2 ^ 32 - 2 ^ 31 end
local function whole(v) return v < 0 and ceil(v) or floor(v) end
local function int(position, name, value, n)
  local v = is_text(value) and tonumber(value)
  if not v then bad_argument(position, name, 'number', value, n, 1) end
  return wrapped_int(whole(v))
end

-- The numbers of drand48, the same on every machine; as in Redis 7.0 one script goes on where another stopped.
local maths = copy(math)
function maths.random(...)
  local n, r = select('#', ...), native.random()
  if n == 0 then return r end
  if n > 2 then error('wrong number of arguments', 3) end
  local first, second = ...
  local l, u = 1, nil
  if n == 1 then
    u = int(1, 'random', first, n)
  else
    l, u = int(1, 'random', first, n), int(2, 'random', second, n)
  end
  if l > u then error('bad argument #' .. n .. " to 'random' (interval is empty)", 3) end
  return floor(r * wrapped_int(u - l + 1)) + l
end
function maths.randomseed(...)
  native.seed(int(1, 'randomseed', (...), select('#', ...)))
end
expose(maths, { 'random', 'randomseed' })

globals.table, globals.math = protect(tables), protect(maths)
local strings = copy(string)
if native.matching then
  -- Where the stack is finite, so are patterns.
  for _, name in pairs { 'find', 'match', 'gmatch', 'gsub' } do strings[name] = native.matching(string[name]) end
  if strings.gfind then strings.gfind = strings.gmatch end
end
globals.string, globals.coroutine = protect(strings), protect(copy(coroutine))
for name, functions in pairs(native.libraries) do
  local library = wrapped(functions)
  if name == 'cjson' then
    function library.new() return wrapped(native.new_cjson()) end
    expose(library, { 'new' })
  end
  globals[name] = protect(library)
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

-- In C where the engine has it: then Lua holds the arguments once, and more of them have room.
local function caller(raises)
  if native.caller then return native.caller(native, raises) end
  return native.around(function(...)
    local ok, value = native.call(...)
    if ok or not raises then return value end
    error(value, 0)
  end)
end
redis.call, redis.pcall = caller(true), caller(false)

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
  level = is_text(level) and tonumber(level)
  if not level then raise 'First argument must be a number (log level).' end
  level = whole(level)
  if level < 0 or level > 3 then raise 'Invalid debug level.' end
  local words = {}
  for i = 2, select('#', ...) do
    local word = select(i, ...)
    if is_text(word) then words[#words + 1] = tostring(word) end
  end
  native.log(level, concat(words, ' '))
end

function redis.setresp(...)
  if select('#', ...) ~= 1 then raise 'redis.setresp() requires one argument.' end
  local version = whole(is_text((...)) and tonumber((...)) or 0)
  if version ~= 2 and version ~= 3 then raise 'RESP version must be 2 or 3.' end
  native.setresp(version)
end

function redis.set_repl(...)
  if select('#', ...) ~= 1 then raise 'redis.set_repl() requires two arguments.' end
  local flags = whole(is_text((...)) and tonumber((...)) or 0)
  if flags < 0 or flags > 3 then
    raise 'Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.'
  end
  native.set_repl(flags)
end

function redis.acl_check_cmd(...)
  local ok, value = native.acl_check_cmd(...)
  if ok then return value end
  error(value, 0)
end

expose(redis, { 'error_reply', 'status_reply', 'sha1hex', 'log', 'setresp', 'set_repl', 'acl_check_cmd' })

local for_eval = copy(redis)
function for_eval.replicate_commands() return true end
function for_eval.breakpoint() return false end
function for_eval.debug() end

local function metatable_of(...)
  local value = ...
  if select('#', ...) == 0 then error("bad argument #1 to 'getmetatable' (value expected)", 3) end
  if type(value) == 'string' then return string_meta end
  local real = behind[value]
  if real then return rawget(real, '_G') and globals_meta or nil end
  return getmetatable(...)
end
globals.getmetatable = native.around(metatable_of)

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
  -- For an engine that calls a script by itself: the table behind its globals, and what its errors go through.
  eval_globals = eval_globals, with_place = with_place, caught = caught,
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
