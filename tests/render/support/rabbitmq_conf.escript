%% Reads rabbitmq.conf (first argument) by the schemas (the others) as RabbitMQ does before it starts, and prints
%% what becomes of it as Erlang terms. Exit status 1 for a key or a value that RabbitMQ would refuse.
main([File | Schemas]) ->
    case cuttlefish_conf:file(File) of
        {errorlist, Errors} -> refuse(Errors);
        Values ->
            case cuttlefish_generator:map(cuttlefish_schema:files(Schemas), Values) of
                {error, Phase, {errorlist, Errors}} -> refuse({Phase, Errors});
                Terms -> io:format("~0p~n", [Terms])
            end
    end.

refuse(Why) ->
    io:format("~0p~n", [Why]),
    halt(1).
