%% Evaluates the expressions of a file (first argument), as `rabbitmqctl eval_file` does, where RabbitMQ's modules keep
%% accounts in memory. The second argument is the term #{User => Password} of before, with refuse => true if nobody can
%% log in. Prints the calls that changed something, and the result. Exit status 1 if an expression fails.
main([File, Before]) ->
    [load(Module) || Module <- [
        "-module(rabbit_auth_backend_internal). -compile([export_all, nowarn_export_all]). "
        "lookup_user(U) -> case get(U) of undefined -> {error, not_found}; _ -> {ok, U} end. "
        "add_user(U, P, _) -> change(add_user, U, P). "
        "change_password(U, P, _) -> change(change_password, U, P). "
        "set_permissions(U, V, C, W, R, _) -> {ok, U} = lookup_user(U), io:format(\"~0p~n\", [{set_permissions, U, V, C, W, R}]). "
        "delete_user(U, _) -> {ok, U} = lookup_user(U), erase(U), io:format(\"~0p~n\", [{delete_user, U}]). "
        "change(How, U, P) -> put(U, P), io:format(\"~0p~n\", [{How, U}]).",
        "-module(rabbit_access_control). -compile([export_all, nowarn_export_all]). "
        "check_user_pass_login(U, P) -> case {get(refuse), get(U)} of {undefined, P} -> {ok, U}; _ -> {refused, U, \"\", []} end.",
        "-module(rabbit_vhost). -compile([export_all, nowarn_export_all]). "
        "exists(V) -> V =:= <<\"/\">>. "
        "add(V, _) -> io:format(\"~0p~n\", [{add_vhost, V}]). "
    ]],
    maps:foreach(fun(User, Password) -> put(User, Password) end, term(Before)),
    {ok, Text} = file:read_file(File),
    try
        io:format("~0p~n", [term(binary_to_list(Text))])
    catch
        _:Reason -> io:format("~0p~n", [Reason]), halt(1)
    end.

term(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ case lists:suffix(".", string:trim(Text)) of true -> ""; false -> "." end),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {value, Value, _} = erl_eval:exprs(Expressions, []),
    Value.

load(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text),
    {ok, Module, Binary} = compile:forms([Form || {ok, Form} <- forms(Tokens, [])]),
    {module, Module} = code:load_binary(Module, "", Binary).

forms([], []) -> [];
forms([{dot, _} = Dot | Rest], Form) -> [erl_parse:parse_form(lists:reverse([Dot | Form])) | forms(Rest, [])];
forms([Token | Rest], Form) -> forms(Rest, [Token | Form]).
